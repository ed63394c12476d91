# The part of scripts/ that runs on the machines as well: one way to read secrets, to make a role, to describe RabbitMQ's users.
{ lib }:
lib.fileset.toSource {
  root = ../../scripts;
  fileset = lib.fileset.unions [
    ../../scripts/lib/common.sh
    ../../scripts/lib/env.sh
    ../../scripts/lib/definitions.sh
    ../../scripts/sql/provision.sql
  ];
}
