# The three machines as Vagrant runs them.
{ self, nixpkgs }:
let
  inherit (nixpkgs) lib;

  machine =
    name:
    lib.nixosSystem {
      modules = [
        self.nixosModules.default
        (import ./machine.nix name)
        ./vagrant.nix
        {
          networking.hostName = name;
          nixpkgs.hostPlatform = "x86_64-linux";
        }
      ];
    };
in
lib.genAttrs (lib.attrNames (lib.importJSON ../machines.json).machines) machine
