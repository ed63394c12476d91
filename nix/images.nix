# An OCI image for each service: the binary and what it needs of libraries, as an unprivileged user; settings by
# environment variables. `nix build .#image-NAME && docker load <result`.
{ pkgs, services }:
let
  inherit (pkgs) lib;

  image =
    name: package:
    pkgs.dockerTools.buildLayeredImage {
      name = "crud-master/${name}";
      tag = package.version;
      contents = [ pkgs.dockerTools.caCertificates ];
      config = {
        Entrypoint = [ (lib.getExe package) ];
        User = "65534:65534";
        StopSignal = "SIGTERM";
      };
    };
in
lib.mapAttrs' (name: package: lib.nameValuePair "image-${name}" (image name package)) services
