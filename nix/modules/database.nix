# PostgreSQL as a service of ours wants it: on loopback, a password for every connection over TCP, and the role and the
# database that the service's environment names, made by the same SQL as on a developer's machine. The role owns its
# database and may nothing else; its password goes from the environment to psql and is in no argument and no store path.
{
  config,
  lib,
  pkgs,
}:
let
  scripts = import ./scripts.nix { inherit lib; };
  hardening = import ./hardening.nix;
in
{
  # What the service comes after.
  unit = "crud-master-database.service";

  portOption = lib.mkOption {
    type = lib.types.port;
    default = 5432;
    description = "The port of PostgreSQL, on loopback only.";
  };

  poolOption = lib.mkOption {
    type = lib.types.nullOr lib.types.ints.positive;
    default = null;
    description = "The most connections to PostgreSQL; null for what the environment or the service says.";
  };

  # The settings of the service, whose variables begin with `prefix`.
  settings =
    { prefix, cfg }:
    {
      "${prefix}_HOST" = "127.0.0.1";
      "${prefix}_PORT" = cfg.databasePort;
    }
    // lib.optionalAttrs (cfg.databasePool != null) { "${prefix}_POOL" = cfg.databasePool; };

  # `prefix`: the service's variables are PREFIX_NAME, PREFIX_USER and PREFIX_PASSWORD.
  config =
    { prefix, cfg }:
    {
      services.postgresql = {
        enable = true;
        settings = {
          port = cfg.databasePort;
          password_encryption = "scram-sha-256";
          timezone = "UTC";
          log_timezone = "UTC";
        };
        authentication = ''
          host all all 127.0.0.1/32 scram-sha-256
          host all all ::1/128      scram-sha-256
        '';
      };

      systemd.services.crud-master-database = {
        description = "crud-master: role and database from ${cfg.environmentFile}";
        # Also by the server: it may fail at first, and start again by itself.
        wantedBy = [
          "multi-user.target"
          "postgresql.target"
        ];
        requires = [ "postgresql.target" ];
        after = [ "postgresql.target" ];
        environment.PGPORT = toString cfg.databasePort;
        unitConfig.AssertPathExists = cfg.environmentFile;
        serviceConfig = hardening // {
          Type = "oneshot";
          RemainAfterExit = true;
          User = "postgres";
          Group = "postgres";
          EnvironmentFile = cfg.environmentFile;
          RestrictAddressFamilies = "AF_UNIX"; # the server's socket
          Restart = "on-failure";
          RestartSec = 5;
          ExecStart = lib.getExe (
            pkgs.writeShellApplication {
              name = "crud-master-database";
              runtimeInputs = [
                config.services.postgresql.finalPackage
                pkgs.coreutils
              ];
              runtimeEnv = {
                SCRIPTS = "${scripts}/scripts";
                PREFIX = prefix;
              };
              text = builtins.readFile ./database.sh;
            }
          );
        };
      };
    };
}
