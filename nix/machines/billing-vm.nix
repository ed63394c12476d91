# billing-vm: the billing, its PostgreSQL, and RabbitMQ. Imports and values only.
{ config, ... }:
let
  inherit (config.services.crud-master.billing) address interface;
in
{
  imports = [ ./network.nix ];

  services.crud-master.billing = {
    enable = true;
    openFirewall = true;
  };

  networking.interfaces.${interface}.ipv4.addresses = [
    {
      inherit address;
      prefixLength = 24;
    }
  ];
}
