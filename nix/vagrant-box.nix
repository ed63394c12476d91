# A NixOS box for Vagrant, in the formats of libvirt and VirtualBox: an empty machine with the hardware of machines/vagrant.nix,
# of the NixOS that the machines will run. `nix build .#vagrant-box`, then
# `vagrant box add --name crud-master-nixos result/virtualbox.box` (or libvirt.box).
{ nixpkgs, pkgs }:
let
  inherit (pkgs) lib;
  gigabytes = 30;

  empty = nixpkgs.lib.nixosSystem {
    modules = [
      ./machines/vagrant.nix
      { nixpkgs.hostPlatform = "x86_64-linux"; }
    ];
  };

  disk = import "${nixpkgs}/nixos/lib/make-disk-image.nix" {
    inherit lib pkgs;
    inherit (empty) config;
    format = "qcow2-compressed";
    partitionTableType = "legacy";
    diskSize = gigabytes * 1024;
    copyChannel = false;
  };
in
pkgs.runCommand "crud-master-vagrant-box"
  {
    nativeBuildInputs = [ pkgs.qemu-utils ];
    DISK = "${disk}/nixos.qcow2";
    GIGABYTES = gigabytes;
    OVF = ./machines/box.ovf;
  }
  ''
    mkdir -p $out
    ${builtins.readFile ./vagrant-box.sh}
  ''
