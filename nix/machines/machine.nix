# One of the three machines, by its name in ../machines.json: its service, its address on the private network, and where the
# others are. ../environment.json says it; the private network is on eth1, under Vagrant as in the tests.
name:
{ lib, ... }:
let
  environment = lib.importJSON ../environment.json;
  port = variable: lib.toIntBase10 environment.${variable};
  service = lib.removeSuffix "-vm" name;
  places = {
    gateway = {
      address = environment.API_GATEWAY_HOST;
      port = port "API_GATEWAY_PORT";
    };
    inventory = {
      address = environment.INVENTORY_APP_HOST;
      port = port "INVENTORY_APP_PORT";
      databasePort = port "MOVIES_DB_PORT";
    };
    billing = {
      address = environment.BILLING_APP_HOST;
      port = port "BILLING_APP_PORT";
      databasePort = port "ORDERS_DB_PORT";
      amqpPort = port "AMQP_PORT";
    };
  };
in
{
  services.crud-master =
    lib.recursiveUpdate (lib.mapAttrs (_: place: place // { interface = "eth1"; }) places)
      {
        ${service} = {
          enable = true;
          openFirewall = true;
        };
      };

  networking.interfaces.eth1.ipv4.addresses = [
    {
      inherit (places.${service}) address;
      prefixLength = 24;
    }
  ];
}
