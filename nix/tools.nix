# The programs that scripts/ and the tests call, with the names under which they are looked for.
pkgs: {
  # For a running system: scripts/up, down, service, psql.
  running = [
    pkgs.bash
    pkgs.coreutils
    pkgs.curl
    pkgs.findutils
    pkgs.gnugrep
    pkgs.gnused
    pkgs.postgresql
    pkgs.procps
    pkgs.rabbitmq-server
    pkgs.util-linux
  ];

  # For building and for scripts/test, bench, machines and check-nix (but Vagrant, which is not free).
  developing = [
    pkgs.cargo-deny
    pkgs.deadnix
    pkgs.diesel-cli
    pkgs.git
    pkgs.haproxy
    pkgs.iproute2
    pkgs.iptables
    pkgs.jq
    pkgs.newman
    pkgs.nginx
    pkgs.nixfmt
    pkgs.nodejs
    pkgs.pm2
    pkgs.python3
    pkgs.ruby
    pkgs.rust-analyzer
    pkgs.shellcheck
    pkgs.valgrind
    pkgs.wrk
  ];
}
