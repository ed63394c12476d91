# RabbitMQ as the services want it: the users, permissions and policies of crates/messages/topology.json, with the names and
# passwords of the environment, by the same script as on a developer's machine; and no guest.
{
  config,
  lib,
  pkgs,
}:
let
  scripts = import ./scripts.nix { inherit lib; };
  rabbitmq = config.services.rabbitmq;
in
{
  # What the service comes after.
  unit = "crud-master-broker.service";

  portOption = lib.mkOption {
    type = lib.types.port;
    default = 5672;
    description = "The AMQP port of RabbitMQ; the firewall says who may reach it.";
  };

  config =
    { cfg }:
    {
      services.rabbitmq = {
        enable = true;
        listenAddress = "0.0.0.0"; # it may start before the address of this machine is there
        port = cfg.amqpPort;
      };

      systemd.services.crud-master-broker = {
        description = "crud-master: RabbitMQ's users from ${cfg.environmentFile}, and what they may do";
        # Also by the server: it may fail at first, and start again by itself.
        wantedBy = [
          "multi-user.target"
          "rabbitmq.service"
        ];
        requires = [ "rabbitmq.service" ];
        after = [ "rabbitmq.service" ];
        environment.HOME = rabbitmq.dataDir; # the Erlang cookie is there
        unitConfig.AssertPathExists = cfg.environmentFile;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          User = "rabbitmq";
          Group = "rabbitmq";
          WorkingDirectory = rabbitmq.dataDir;
          EnvironmentFile = cfg.environmentFile;
          Restart = "on-failure";
          RestartSec = 5;
          ExecStart = lib.getExe (
            pkgs.writeShellApplication {
              name = "crud-master-broker";
              runtimeInputs = [
                rabbitmq.package
                pkgs.coreutils
                pkgs.gnugrep
              ];
              runtimeEnv.SCRIPTS = "${scripts}/scripts";
              text = builtins.readFile ./broker.sh;
            }
          );
        };
      };
    };
}
