# The gateway: HTTP for everybody. Keeps nothing, and finds the other services where their options say they are.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  service = import ./service.nix { inherit config lib pkgs; };
  inherit (config.services.crud-master) gateway inventory billing;
in
{
  options.services.crud-master.gateway = service.options {
    name = "api-gateway";
    description = "the gateway of crud-master";
    port = 3000;
  };

  config = lib.mkIf gateway.enable (
    service.config {
      name = "api-gateway";
      pm2 = "api_gateway";
      cfg = gateway;
      settings = {
        API_GATEWAY_HOST = gateway.address;
        API_GATEWAY_PORT = gateway.port;
        INVENTORY_APP_HOST = inventory.address;
        INVENTORY_APP_PORT = inventory.port;
        BILLING_APP_HOST = billing.address;
        BILLING_APP_PORT = billing.port;
        AMQP_HOST = billing.address;
        AMQP_PORT = billing.amqpPort;
      };
    }
  );
}
