{
  description = "crud-master: a gateway, an inventory and a billing, on three machines or on one";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
  };

  outputs =
    {
      self,
      nixpkgs,
      crane,
    }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      each =
        outputs:
        lib.genAttrs systems (
          system:
          let
            pkgs = nixpkgs.legacyPackages.${system};
          in
          outputs pkgs (import ./nix/packages.nix { inherit pkgs crane; })
        );
    in
    {
      packages = each (
        pkgs: built:
        built.services
        // import ./nix/images.nix {
          inherit pkgs;
          inherit (built) services;
        }
        // {
          inherit (built) default;
        }
        // nixpkgs.lib.optionalAttrs pkgs.stdenv.hostPlatform.isx86_64 {
          vagrant-box = import ./nix/vagrant-box.nix { inherit nixpkgs pkgs; };
        }
      );

      apps = each (
        pkgs: built: {
          default = {
            type = "app";
            program = lib.getExe (
              import ./nix/run.nix {
                inherit self pkgs;
                services = built.default;
              }
            );
            meta.description = "Start the whole system on this machine";
          };
        }
      );

      checks = each (pkgs: built: import ./nix/checks.nix { inherit self pkgs built; });

      devShells = each (
        pkgs: built: {
          default = import ./nix/shell.nix {
            inherit pkgs;
            inherit (built) craneLib;
          };
        }
      );

      formatter = each (pkgs: _: pkgs.nixfmt-tree);

      nixosModules.default = import ./nix/modules self;
      nixosConfigurations = import ./nix/machines { inherit self nixpkgs; };
    };
}
