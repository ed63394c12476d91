# RabbitMQ as the services want it: the users, permissions and policies of crates/messages/topology.json, with the names and
# passwords of the environment, as the definitions that the node loads at each start. So there is never a `guest`.
{
  config,
  lib,
  pkgs,
}:
let
  scripts = import ./scripts.nix { inherit lib; };
  hardening = import ./hardening.nix;
  rabbitmq = config.services.rabbitmq;
in
{
  # What the service comes after.
  unit = "rabbitmq.service";

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
        configItems.load_definitions = "/run/crud-master-broker/definitions.json";
      };

      # Required by the server, which would not start without the file. A system with other rights restarts it.
      systemd.services.rabbitmq = {
        requires = [ "crud-master-broker.service" ];
        after = [ "crud-master-broker.service" ];
        restartTriggers = [ scripts ];
      };

      # It does not stay active, so that each start of the server reads the environment anew.
      systemd.services.crud-master-broker = {
        description = "crud-master: RabbitMQ's definitions from ${cfg.environmentFile}";
        unitConfig.AssertPathExists = cfg.environmentFile;
        serviceConfig = hardening // {
          Type = "oneshot";
          User = "rabbitmq";
          Group = "rabbitmq";
          EnvironmentFile = cfg.environmentFile;
          RuntimeDirectory = "crud-master-broker";
          RuntimeDirectoryMode = "0700";
          RuntimeDirectoryPreserve = true;
          PrivateNetwork = true;
          RestrictAddressFamilies = "none";
          ExecStart = lib.getExe (
            pkgs.writeShellApplication {
              name = "crud-master-broker";
              runtimeInputs = [ pkgs.coreutils ];
              runtimeEnv = {
                ROOT = "${scripts}";
                RABBITMQ_MAJOR = lib.versions.major rabbitmq.package.version;
              };
              text = builtins.readFile ./broker.sh;
            }
          );
        };
      };
    };
}
