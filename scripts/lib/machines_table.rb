# What nix/machines.json says of a machine, with the values of .env, for scripts/machines:
#
#     machines_table.rb names           the machines, one a line
#     machines_table.rb check           nothing, when .env has all that they need
#     machines_table.rb address NAME    its address
#     machines_table.rb env NAME        its environment file, as on the NixOS machines
#     machines_table.rb facts NAME      what runs on it, as variables MACHINE_...
#     machines_table.rb firewall NAME   who is let in where, for iptables-restore
#     machines_table.rb hosts           the lines of /etc/hosts
#     machines_table.rb public          nix/environment.json: what Nix may know of .env
#
# Values, and what is wrong with them, are those of the Vagrantfile: it reads both files by the same module.

require_relative "../../nix/machines/settings"

MACHINES = Settings::MACHINES
BROKER_PORTS = %w[AMQP_MANAGEMENT_PORT AMQP_DIST_PORT AMQP_EPMD_PORT].freeze # seen by no other machine

def address(machine)
  Settings.value(machine["address"])
end

def check
  MACHINES.each_value do |machine|
    env(machine)
    check_ports(machine)
  end
  Settings.check_addresses
  []
end

# Of all that listens on a machine, each has a port of its own.
def check_ports(machine)
  database = machine.key?("database") ? ["#{machine["database"]}_PORT"] : []
  broker = machine["broker"] ? BROKER_PORTS : []
  names = machine["offers"].map { |offer| offer["port"] } + database + broker
  names.each_with_object({}) do |name, taken|
    port = Settings.value(name)
    Settings.refuse "#{name} is #{port} on the machine of #{machine["service"]}, and so is #{taken[port]}" if taken.key?(port)
    taken[port] = name
  end
end

def env(machine)
  machine["variables"].map { |name| Settings.line(name).chomp }
end

def facts(machine)
  {
    "MACHINE_SERVICE" => machine["service"], "MACHINE_PM2" => machine["pm2"],
    "MACHINE_DATABASE" => machine["database"], "MACHINE_BROKER" => ("yes" if machine["broker"])
  }.map { |name, value| "#{name}='#{value}'" } + (machine["broker"] ? BROKER_PORTS : []).map { |name| Settings.line(name).chomp }
end

# Everything that is not offered is dropped; what a machine asks of itself goes over loopback.
def firewall(machine)
  rules = ["*filter", ":INPUT DROP", ":FORWARD DROP", ":OUTPUT ACCEPT"]
  rules += ["-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
  rules += ["-A INPUT -p icmp --icmp-type echo-request -j ACCEPT"]
  rules + machine["offers"].flat_map { |offer| offer["to"].map { |client| rule(offer, client) } } + ["COMMIT"]
end

def rule(offer, client)
  source = client == "anyone" ? "" : "-s #{address(MACHINES[client])} "
  "-A INPUT #{source}-p tcp --dport #{Settings.value(offer["port"])} -j ACCEPT"
end

def hosts
  ["127.0.0.1 localhost"] + MACHINES.map { |name, machine| "#{address(machine)} #{name}" }
end

question, name = ARGV
Settings.asked_by = "machines"
puts(
  case question
  when "names" then MACHINES.keys
  when "check", "hosts" then send(question)
  when "public" then Settings.public_json
  when "address", "env", "facts", "firewall" then send(question, MACHINES.fetch(name))
  end
)
