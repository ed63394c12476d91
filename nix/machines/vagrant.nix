# The hardware of a machine that Vagrant has made, under VirtualBox or libvirt. Nothing here needs VirtualBox's guest additions:
# folders come by rsync, addresses are fixed.
{ modulesPath, ... }:
{
  imports = [ (modulesPath + "/virtualisation/vagrant-guest.nix") ];

  boot.loader.grub.device = "/dev/sda";
  boot.initrd.availableKernelModules = [
    "ahci"
    "ata_piix"
    "ehci_pci"
    "ohci_pci"
    "sd_mod"
    "sr_mod"
    "virtio_blk"
    "virtio_pci"
    "virtio_scsi"
  ];

  boot.growPartition = true;
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
    autoResize = true;
  };

  # eth0 is the provider's own network, eth1 the private one, whatever the hypervisor calls its cards.
  networking.usePredictableInterfaceNames = false;

  # `nix build` on the machine itself.
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];

  system.stateVersion = "26.05";
}
