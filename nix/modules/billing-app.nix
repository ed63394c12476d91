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
  inherit (config.services.crud-master) inventory;
  cfg = config.services.crud-master.billing;
  connection = {
    prefix = "ORDERS_DB";
    inherit cfg;
  };
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
      databasePool = database.poolOption;
      amqpPort = broker.portOption;
    };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      (database.config connection)
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
          INVENTORY_APP_HOST = inventory.address;
          INVENTORY_APP_PORT = inventory.port;
          AMQP_HOST = cfg.address;
          AMQP_PORT = cfg.amqpPort;
        }
        // database.settings connection;
      })
    ]
  );
}
