# inventory-vm: the inventory and its PostgreSQL. Imports and values only.
{ config, ... }:
let
  inherit (config.services.crud-master.inventory) address interface;
in
{
  imports = [ ./network.nix ];

  services.crud-master.inventory = {
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
