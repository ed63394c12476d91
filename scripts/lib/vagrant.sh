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

# An ARM host gets other hardware from the same table.
vagrant_validate_on_arm() {
    local folder
    folder=$(vagrant_copy arm)
    echo 'require "rbconfig"; RbConfig::CONFIG["host_cpu"] = "aarch64"; File.write("loaded", "")' >"$folder/on_arm.rb"
    RUBYOPT=-r$folder/on_arm.rb vagrant_in "$folder" libvirt validate
    [[ -e $folder/loaded ]] || { echo "the Vagrantfile was not tried as on ARM" && return 1; }
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

# What the Vagrantfile would write, as JSON: the environment of each machine, and what Nix gets to know.
vagrant_texts() {
    ruby -r./nix/machines/settings -e '
        texts = Settings::MACHINES.transform_values { |machine| Settings.text_of(machine["variables"]) }
        texts["public"] = Settings.public_text
        puts JSON.dump(texts.transform_values { |text| text.unpack1("m0") })'
}
