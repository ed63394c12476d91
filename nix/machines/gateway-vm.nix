# gateway-vm: the gateway, and nothing else. Imports and values only.
{ config, ... }:
let
  inherit (config.services.crud-master.gateway) address interface;
in
{
  imports = [ ./network.nix ];

  services.crud-master.gateway = {
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
