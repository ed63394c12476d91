# The inventory, and the PostgreSQL with its database on the same machine.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  service = import ./service.nix { inherit config lib pkgs; };
  database = import ./database.nix { inherit config lib pkgs; };
  inherit (config.services.crud-master) billing;
  cfg = config.services.crud-master.inventory;
  connection = {
    prefix = "MOVIES_DB";
    inherit cfg;
  };
in
{
  options.services.crud-master.inventory =
    service.options {
      name = "inventory-app";
      description = "the inventory of crud-master with its database";
      port = 8080;
    }
    // {
      databasePort = database.portOption;
      databasePool = database.poolOption;
    };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      (database.config connection)
      (service.config {
        name = "inventory-app";
        pm2 = "inventory_app";
        inherit cfg;
        after = [ database.unit ];
        settings = {
          INVENTORY_APP_HOST = cfg.address;
          INVENTORY_APP_PORT = cfg.port;
          AMQP_HOST = billing.address;
          AMQP_PORT = billing.amqpPort;
        }
        // database.settings connection;
      })
    ]
  );
}
