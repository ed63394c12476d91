# What `nix flake check` runs: the steps of scripts/test that fit into a sandbox, and the three machines.
{
  self,
  pkgs,
  built,
}:
let
  inherit (built)
    common
    craneLib
    dependencies
    services
    source
    ;
  tools = import ./tools.nix pkgs;
  withDependencies = common // {
    cargoArtifacts = dependencies;
  };

  check =
    name: inputs: command:
    pkgs.runCommand "crud-master-${name}" { nativeBuildInputs = inputs; } ''
      cp -r ${self} source
      chmod -R u+w source
      cd source
      ${command}
      touch $out
    '';

  test =
    name:
    import (./tests + "/${name}.nix") {
      inherit self pkgs;
    };
in
services
// {
  clippy = craneLib.cargoClippy (
    withDependencies
    // {
      cargoClippyExtraArgs = "--workspace --all-targets -- --deny warnings";
    }
  );

  fmt = craneLib.cargoFmt common;

  doc = craneLib.cargoDoc (
    withDependencies
    // {
      cargoDocExtraArgs = "--workspace --no-deps";
      env.RUSTDOCFLAGS = "--deny warnings";
    }
  );

  # Where it looks by itself: the option that names another place has moved between its versions.
  deny = craneLib.cargoDeny (common // { postPatch = "cp ${./deny.toml} deny.toml"; });

  # All crates against a real PostgreSQL and RabbitMQ, which scripts/lib starts inside the sandbox.
  tests = craneLib.mkCargoDerivation (
    withDependencies
    // {
      pnameSuffix = "-tests";
      src = source [
        ../README.md
        ../crates
        ../docs
        ../postman
        ../scripts
        ./tests/crates.sh
      ];
      nativeBuildInputs = tools.running;
      # From the flake as it is in the store: no second copy. The price is that every change runs the tests again.
      buildPhaseCargoCommand = "cp ${self}/.env .env && CARGO_PROFILE=$CARGO_PROFILE bash nix/tests/crates.sh";
      doInstallCargoArtifacts = false;
    }
  );

  shellcheck = check "shellcheck" [ pkgs.shellcheck ] ''
    bash -c 'source scripts/lib/checks.sh; check_shell'
    shellcheck -x nix/*.sh nix/*/*.sh
  '';

  nix =
    check "nix"
      [
        pkgs.deadnix
        pkgs.nixfmt
        pkgs.python3
      ]
      ''
        deadnix --fail flake.nix nix
        nixfmt --check flake.nix $(find nix -name '*.nix')
        python3 -m py_compile nix/tests/*.py
      '';

  machines-inventory = test "inventory";
  machines-billing = test "billing";
  machines-postman = test "postman";
}
