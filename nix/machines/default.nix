# The three machines as Vagrant runs them: gateway-vm, inventory-vm and billing-vm for x86_64, and the same names with
# `-aarch64-linux` for ARM hosts under libvirt.
{ self, nixpkgs }:
let
  inherit (nixpkgs) lib;

  machine =
    system: name:
    lib.nixosSystem {
      modules = [
        self.nixosModules.default
        (./. + "/${name}.nix")
        ./vagrant.nix
        {
          networking.hostName = name;
          nixpkgs.hostPlatform = system;
        }
      ];
    };

  names = [
    "gateway-vm"
    "inventory-vm"
    "billing-vm"
  ];
in
lib.genAttrs names (machine "x86_64-linux")
// lib.listToAttrs (
  map (name: lib.nameValuePair "${name}-aarch64-linux" (machine "aarch64-linux" name)) names
)
