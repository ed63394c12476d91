# A NixOS box for Vagrant under libvirt, where there is none to download: an empty machine with the hardware of
# machines/vagrant.nix. `nix build .#vagrant-box && vagrant box add --name crud-master/nixos result/libvirt.box`.
{ nixpkgs, pkgs }:
let
  inherit (pkgs) lib;
  inherit (pkgs.stdenv.hostPlatform) system isx86_64;
  gigabytes = 30;

  empty = nixpkgs.lib.nixosSystem {
    modules = [
      ./machines/vagrant.nix
      { nixpkgs.hostPlatform = system; }
    ];
  };

  disk = import "${nixpkgs}/nixos/lib/make-disk-image.nix" {
    inherit lib pkgs;
    inherit (empty) config;
    format = "qcow2-compressed";
    partitionTableType = if isx86_64 then "legacy" else "efi";
    diskSize = gigabytes * 1024;
    copyChannel = false;
  };

  metadata = pkgs.writeText "metadata.json" (
    builtins.toJSON {
      provider = "libvirt";
      format = "qcow2";
      virtual_size = gigabytes;
    }
  );
in
pkgs.runCommand "crud-master-vagrant-box" { } ''
  mkdir $out
  install -m 644 ${metadata} metadata.json
  ln -s ${disk}/nixos.qcow2 box.img
  tar --create --dereference --gzip --file $out/libvirt.box metadata.json box.img
''
