# The billing, and on the same machine the PostgreSQL with its database and the RabbitMQ with its queues.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  service = import ./service.nix { inherit config lib pkgs; };
  database = import ./database.nix { inherit config lib pkgs; };
  broker = import ./broker.nix { inherit config lib pkgs; };
  cfg = config.services.crud-master.billing;
in
{
  options.services.crud-master.billing =
    service.options {
      name = "billing-app";
      description = "the billing of crud-master with its database and the broker";
      port = 8081;
    }
    // {
      databasePort = database.portOption;
      amqpPort = broker.portOption;
    };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      (database.config {
        prefix = "ORDERS_DB";
        inherit cfg;
      })
      (broker.config { inherit cfg; })
      (service.config {
        name = "billing-app";
        pm2 = "billing_app";
        inherit cfg;
        after = [
          database.unit
          broker.unit
        ];
        settings = {
          BILLING_APP_HOST = cfg.address;
          BILLING_APP_PORT = cfg.port;
          ORDERS_DB_HOST = "127.0.0.1";
          ORDERS_DB_PORT = cfg.databasePort;
          AMQP_HOST = cfg.address;
          AMQP_PORT = cfg.amqpPort;
        };
      })
    ]
  );
}
