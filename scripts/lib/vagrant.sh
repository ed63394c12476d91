# shellcheck shell=bash
# The Vagrantfile under test, in a copy below $SCRATCH: nothing is left in the checkout, and no hypervisor is needed.

vagrant_copy() { # NAME: prints the folder of a fresh copy
    local folder=$SCRATCH/vagrant-$1
    mkdir -p "$folder/nix/machines"
    cp Vagrantfile .env "$folder/"
    cp nix/machines.json "$folder/nix/"
    cp nix/machines/provision.sh "$folder/nix/machines/"
    printf '%s' "$folder"
}

# Vagrant asks VirtualBox for no more than its version before it validates.
vagrant_in() { # FOLDER PROVIDER ARGS...
    local folder=$1 provider=$2
    shift 2
    mkdir -p "$SCRATCH/stub"
    printf '#!/bin/sh\necho 7.0.20r163906\n' >"$SCRATCH/stub/VBoxManage"
    chmod +x "$SCRATCH/stub/VBoxManage"
    (cd "$folder" && PATH=$SCRATCH/stub:$PATH VAGRANT_HOME=$TOOLS/vagrant VAGRANT_DEFAULT_PROVIDER=$provider \
        VAGRANT_CHECKPOINT_DISABLE=1 vagrant "$@")
}

vagrant_validate() { # PROVIDER
    local folder
    folder=$(vagrant_copy "$1")
    vagrant_in "$folder" "$1" validate
    vagrant_in "$folder" "$1" status
}

vagrant_names_missing() {
    local folder
    folder=$(vagrant_copy missing)
    sed -i '/^ORDERS_DB_PASSWORD=/d' "$folder/.env"
    vagrant_in "$folder" virtualbox validate >"$folder/output" 2>&1 && { echo "validated without ORDERS_DB_PASSWORD" && return 1; }
    grep -qx 'Vagrantfile: ORDERS_DB_PASSWORD is missing or empty: set it in .env' "$folder/output" || { cat "$folder/output" && return 1; }
}

# What the Vagrantfile would write, as JSON: the environment of each machine, and what Nix gets to know.
vagrant_texts() {
    ruby -rjson -e '
        module Vagrant; def self.configure(_version); end; end
        load "./Vagrantfile"
        texts = TABLE["machines"].transform_values { |machine| text_of(machine["variables"]) }.merge("public" => PUBLIC)
        puts JSON.dump(texts.transform_values { |text| text.unpack1("m0") })'
}
