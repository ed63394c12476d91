# shellcheck shell=bash
# The Vagrantfile under test, in a copy below $SCRATCH: nothing is left in the checkout, and no hypervisor is needed.

vagrant_copy() { # NAME: prints the folder of a fresh copy
    local folder=$SCRATCH/vagrant-$1
    mkdir -p "$folder/nix/machines"
    cp Vagrantfile .env "$folder/"
    cp nix/machines.json "$folder/nix/"
    cp nix/machines/{provision.sh,settings.rb} "$folder/nix/machines/"
    printf '%s' "$folder"
}

# Vagrant asks VirtualBox for no more than its version before it validates.
vagrant_in() { # FOLDER PROVIDER ARGS...
    local folder=$1 provider=$2
    shift 2
    mkdir -p "$SCRATCH/stub"
    printf '#!/bin/sh\necho 7.0.20r163906\n' >"$SCRATCH/stub/VBoxManage"
    chmod +x "$SCRATCH/stub/VBoxManage"
    (cd "$folder" && unset VAGRANT_CWD VAGRANT_VAGRANTFILE VAGRANT_DOTFILE_PATH && PATH=$SCRATCH/stub:$PATH \
        VAGRANT_DEFAULT_PROVIDER=$provider VAGRANT_CHECKPOINT_DISABLE=1 vagrant "$@")
}

vagrant_validate() { # PROVIDER
    local folder
    folder=$(vagrant_copy "$1")
    vagrant_in "$folder" "$1" validate
    vagrant_in "$folder" "$1" status
}

# What the first machine has built is fetched after each command that may have built it, and from no other machine.
vagrant_hands_on() {
    local folder command
    folder=$(vagrant_copy stub)
    mkdir -p "$folder/.vagrant/services" # which Vagrant makes before it syncs it
    cp "$LIB/vagrant_stub.rb" "$folder/"
    sed -i '1i require_relative "vagrant_stub"' "$folder/Vagrantfile"
    for command in up 'reload --provision' provision; do
        rm -f "$folder/downloads"
        # shellcheck disable=SC2086 # two words
        vagrant_in "$folder" stub $command
        [[ $(<"$folder/downloads") == 'gateway-vm /var/cache/crud-master/out/services.nar services.nar.new' && -e $folder/.vagrant/services/services.nar ]] ||
            { echo "after $command was downloaded: $(<"$folder/downloads")" && return 1; }
    done
}

# rsync with what the Vagrantfile excludes, and Vagrant's own arguments: neither secrets nor what `nix build` has made.
vagrant_syncs() {
    local folder excludes
    folder=$(vagrant_copy sync)
    mkdir -p "$folder/target" "$folder/docs" "$folder/built"
    touch "$folder/docs/results.md" "$folder/built/libvirt.box"
    ln -s built "$folder/result"
    mapfile -t excludes < <(sed -n 's/.*rsync__exclude: \[\(.*\)\].*/\1/p' Vagrantfile | tr ',' '\n' | sed 's/[" ]//g')
    rsync --archive --copy-links "${excludes[@]/#/--exclude=}" "$folder/" "$SCRATCH/synced"
    [[ -e $SCRATCH/synced/docs/results.md && -e $SCRATCH/synced/Vagrantfile ]] || { echo "too little is synced" && return 1; }
    [[ ! -e $SCRATCH/synced/result && ! -e $SCRATCH/synced/.env && ! -e $SCRATCH/synced/target ]] || { echo "too much is synced" && return 1; }
}

# The boxes of nix/vagrant-box.nix, of an empty disk: Vagrant takes both, and the Vagrantfile then prefers our own. With our own box
# there is nothing to download.
vagrant_box() {
    local folder=$SCRATCH/box provider
    mkdir -p "$folder/out" "$folder/build"
    qemu-img create -q -f qcow2 "$folder/empty.qcow2" 1G
    (cd "$folder/build" && DISK=$folder/empty.qcow2 GIGABYTES=1 OVF=$ROOT/nix/machines/box.ovf out=$folder/out bash -eu "$ROOT/nix/vagrant-box.sh")
    tar -xOf "$folder/out/virtualbox.box" ./box.ovf | python3 -c 'import sys, xml.dom.minidom as dom; dom.parse(sys.stdin)'
    tar -xOf "$folder/out/virtualbox.box" ./box.ovf | grep -q 'ovf:capacity="1073741824"'
    chosen_box | grep -qx nixbox/nixos || { echo "without our own box the public one is not taken" && return 1; }
    for provider in libvirt virtualbox; do
        VAGRANT_HOME=$folder/home vagrant box add --name crud-master-nixos "$folder/out/$provider.box"
    done
    VAGRANT_HOME=$folder/home chosen_box | grep -qx crud-master-nixos || { echo "our own box is not taken" && return 1; }
}

# Prints the box that VirtualBox would start from.
chosen_box() {
    local folder
    folder=$(vagrant_copy "box-$RANDOM")
    cp "$LIB/vagrant_stub.rb" "$folder/"
    sed -i '1i require_relative "vagrant_stub"' "$folder/Vagrantfile"
    vagrant_in "$folder" virtualbox box-of-virtualbox
}

# Each is one line, which names the variable.
vagrant_names_what_is_wrong() {
    vagrant_refuses 'ORDERS_DB_PASSWORD is missing or empty: set it in .env' '/^ORDERS_DB_PASSWORD=/d'
    vagrant_refuses 'AMQP_VHOST is missing or empty: set it in .env' 's/^AMQP_VHOST=.*/AMQP_VHOST=/'
    vagrant_refuses 'BILLING_VM_IP is missing or empty: set it in .env' '/^BILLING_VM_IP=/d'
    vagrant_refuses 'MOVIES_DB_PASSWORD_FILE names /nowhere, which cannot be read: No such file or directory @ rb_sysopen - /nowhere' \
        '1iMOVIES_DB_PASSWORD_FILE=/nowhere'
    vagrant_refuses ".env, line 1: cannot be read; write NAME=value or NAME='any value'" "1iLOG=\"a\$b\""
    vagrant_refuses "API_GATEWAY_PORT is '3000x': it must be a port, 1 to 65535" '1iAPI_GATEWAY_PORT=3000x'
    vagrant_refuses "BILLING_VM_IP is 'billing': it must be an IPv4 address" '1iBILLING_VM_IP=billing'
    vagrant_refuses "INVENTORY_VM_IP is '192.168.57.2': it must be between 192.168.56.2 and 192.168.56.254" '1iINVENTORY_VM_IP=192.168.57.2'
    vagrant_refuses "INVENTORY_VM_IP is '192.168.56.10', and so is GATEWAY_VM_IP" '1iINVENTORY_VM_IP=192.168.56.10'
    GATEWAY_AMQP_PASSWORD="both ' and \"" vagrant_refuses 'GATEWAY_AMQP_PASSWORD holds characters that an environment file cannot: set another in .env' ''
}

vagrant_refuses() { # TEXT CHANGE_OF_ENV
    local folder
    folder=$(vagrant_copy refused)
    sed -i "$2" "$folder/.env"
    ! vagrant_in "$folder" virtualbox validate >"$folder/output" 2>&1 || { echo "validated: $2" && return 1; }
    grep -qx "Vagrantfile: $1" "$folder/output" || { echo "expected: $1" && cat "$folder/output" && return 1; }
}

# What .env says, as the Vagrantfile reads it, in JSON: all of it, and what Nix gets to know.
vagrant_values() {
    ruby -r./nix/machines/settings -e '
        puts JSON.dump("file" => Settings.in_file, "public" => JSON.parse(Settings.public_json))'
}
