# shellcheck shell=bash
# Packs the disk DISK (qcow2, of GIGABYTES) into two boxes below $out, libvirt.box and virtualbox.box; OVF is the description of
# the machine for VirtualBox. The derivation sets all four; scripts/check-nix does it with an empty disk.
# shellcheck disable=SC2154

mkdir libvirt virtualbox
printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %d}\n' "$GIGABYTES" >libvirt/metadata.json
ln -s "$DISK" libvirt/box.img

printf '{"provider": "virtualbox"}\n' >virtualbox/metadata.json
sed "s/@capacity@/$((GIGABYTES * 1024 * 1024 * 1024))/" "$OVF" >virtualbox/box.ovf
qemu-img convert -O vmdk -o subformat=streamOptimized "$DISK" virtualbox/disk.vmdk
# Vagrant wants to know the address of the first network card; Linux keeps the clock in UTC; two processors need an I/O APIC.
cat >virtualbox/Vagrantfile <<'VAGRANTFILE'
Vagrant.configure("2") do |config|
  config.vm.base_mac = "0800275F0936"
  config.vm.provider("virtualbox") { |virtualbox| virtualbox.customize ["modifyvm", :id, "--rtcuseutc", "on", "--ioapic", "on"] }
end
VAGRANTFILE

for provider in libvirt virtualbox; do
    tar --create --dereference --file "$out/$provider.box" -C "$provider" .
done
