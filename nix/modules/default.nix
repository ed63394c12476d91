# services.crud-master.{gateway,inventory,billing}: one service a machine, each under pm2 in one hardened unit, with the
# servers that it needs beside it. `self` is the flake, for the packages; nothing else of it is used.
self:
{ lib, pkgs, ... }:
let
  packages = self.packages.${pkgs.stdenv.hostPlatform.system};
in
{
  _file = ./default.nix;
  key = "crud-master"; # imported twice, it is one

  imports = [
    ./api-gateway.nix
    ./inventory-app.nix
    ./billing-app.nix
    ./firewall.nix
  ];

  services.crud-master = {
    gateway.package = lib.mkDefault packages.api-gateway;
    inventory.package = lib.mkDefault packages.inventory-app;
    billing.package = lib.mkDefault packages.billing-app;
  };
}
