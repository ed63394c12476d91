# Where each service is, for all machines alike: .env and nix/machines.json say it. The private network of the machines is
# on eth1, under Vagrant as in the tests.
{ lib, ... }:
let
  environment = import ../environment.nix { inherit lib; };
  port = name: lib.toIntBase10 environment.${name};
in
{
  services.crud-master = {
    gateway = {
      address = environment.API_GATEWAY_HOST;
      port = port "API_GATEWAY_PORT";
      interface = "eth1";
    };
    inventory = {
      address = environment.INVENTORY_APP_HOST;
      port = port "INVENTORY_APP_PORT";
      databasePort = port "MOVIES_DB_PORT";
      interface = "eth1";
    };
    billing = {
      address = environment.BILLING_APP_HOST;
      port = port "BILLING_APP_PORT";
      databasePort = port "ORDERS_DB_PORT";
      amqpPort = port "AMQP_PORT";
      interface = "eth1";
    };
  };
}
