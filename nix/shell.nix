# The developer's shell: the toolchain of the build, and every program that scripts/ and the tests call.
{ pkgs, craneLib }:
let
  tools = import ./tools.nix pkgs;
in
craneLib.devShell {
  packages = tools.running ++ tools.developing;
  env.RUST_SRC_PATH = "${pkgs.rustPlatform.rustLibSrc}";
}
