# What scripts/check-nix asks of Nix: the files of which each service and the checks are built, as paths below the root.
# Evaluated with stand-ins for nixpkgs and crane, so that a machine without a network can answer.
#   nix-instantiate --eval --strict --json nix/tests/facts.nix
let
  lib = import ./lib.nix;
  root = toString ../..;
  relative = path: builtins.substring (builtins.stringLength root + 1) (-1) (toString path);

  packages = import ../packages.nix {
    pkgs = {
      inherit lib;
      symlinkJoin = _: null;
    };
    crane.mkLib = _: {
      buildDepsOnly = _: null;
      buildPackage = { src, ... }: src;
    };
  };
in
{
  files = builtins.mapAttrs (_: map relative) packages.services;
  checks = map relative packages.common.src;
}
