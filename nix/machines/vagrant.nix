# The hardware of a machine that Vagrant has made: the box nixbox/nixos under VirtualBox, or nix/vagrant-box.nix under
# libvirt, on x86_64 with a BIOS and on aarch64 with UEFI.
{
  lib,
  modulesPath,
  pkgs,
  ...
}:
let
  bios = pkgs.stdenv.hostPlatform.isx86_64;
in
{
  imports = [ (modulesPath + "/virtualisation/vagrant-guest.nix") ];

  boot.loader.grub = {
    device = if bios then "/dev/sda" else "nodev";
    efiSupport = !bios;
    efiInstallAsRemovable = !bios;
  };
  boot.initrd.availableKernelModules = [
    "ahci"
    "sd_mod"
    "sr_mod"
    "virtio_blk"
    "virtio_pci"
    "virtio_scsi"
  ]
  ++ lib.optionals bios [
    "ata_piix"
    "ehci_pci"
    "ohci_pci"
  ];

  boot.growPartition = true;
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
    autoResize = true;
  };
  fileSystems."/boot" = lib.mkIf (!bios) {
    device = "/dev/disk/by-label/ESP";
    fsType = "vfat";
  };

  # eth0 is the provider's own network, eth1 the private one, whatever the hypervisor calls its cards.
  networking.usePredictableInterfaceNames = false;

  # Under libvirt its service waits in vain for a device at each boot, and nothing waits for it.
  virtualisation.virtualbox.guest.enable = bios;

  # `nixos-rebuild --flake` and `nix build` on the machine itself.
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];

  system.stateVersion = "26.05";
}
