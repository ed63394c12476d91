# What the Vagrantfile and scripts/machines know of .env and of the table of machines (nix/machines.json). Whatever is wrong
# there ends them with one line that names it. .env is read as the services and scripts/lib/env.sh read it.

require "json"
require "resolv"

module Settings
  ROOT = File.expand_path("../..", __dir__)
  TABLE = JSON.parse(File.read(File.join(ROOT, "nix", "machines.json"), encoding: "UTF-8"))
  MACHINES = TABLE["machines"]

  @asked_by = "Vagrantfile"
  singleton_class.attr_writer :asked_by # who is named when something is wrong

  module_function

  def refuse(text)
    abort "#{@asked_by}: #{text}"
  end

  # The value behind the equals sign, without quotes and comment; nil where the readers of .env could differ.
  def parse(raw)
    case raw.strip
    when "", /\A#/ then ""
    when /\A'([^']*)'(\s+#.*)?\z/, /\A"([^"$\\]*)"(\s+#.*)?\z/, /\A([^\s'"\\$]+)(\s+#.*)?\z/ then Regexp.last_match(1)
    end
  end

  # Of two lines the first wins.
  def in_file
    text = File.read(File.join(ROOT, ".env"), encoding: "UTF-8")
    refuse ".env is not UTF-8" unless text.valid_encoding?
    text.lines.each.with_index(1).with_object({}) do |(line, number), values|
      next if line.match?(/\A\s*(#.*)?\Z/)

      name, raw = line.match(/\A\s*(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)/m)&.captures
      value = raw && parse(raw)
      refuse ".env, line #{number}: cannot be read; write NAME=value or NAME='any value'" unless value
      values[name] ||= value
    end
  rescue SystemCallError => error
    refuse ".env cannot be read: #{error.message}"
  end

  # A variable that is set in the environment wins, even when it is empty.
  def all
    @all ||= in_file.merge(ENV.to_h)
  end

  # In the table a value is the name of another variable, or stands for itself. NAME_FILE names a file with the value.
  def value(name)
    named = TABLE["environment"].fetch(name, name)
    file = all.fetch("#{named}_FILE", "")
    found = file.empty? ? all.fetch(named) { named == name ? "" : named } : secret("#{named}_FILE", file)
    refuse "#{named} is missing or empty: set it in .env" if found.empty? && !TABLE["may_be_empty"].include?(name)
    refuse "#{named} is '#{found}': it must be a port, 1 to 65535" if name.end_with?("_PORT") && !port?(found)
    found
  end

  def secret(name, file)
    File.read(file, encoding: "UTF-8").b.sub(/[\r\n]+\z/, "").force_encoding("UTF-8")
  rescue SystemCallError => error
    refuse "#{name} names #{file}, which cannot be read: #{error.message}"
  end

  def port?(text)
    text.match?(/\A[1-9][0-9]{0,4}\z/) && text.to_i < 65_536
  end

  # All in one network of 256 addresses, of which the first is the host's; each its own.
  def check_addresses
    MACHINES.values.map { |machine| machine["address"] }.each_with_object({}) do |named, taken|
      address = value(named)
      refuse "#{named} is '#{address}': it must be an IPv4 address" unless address.match?(Resolv::IPv4::Regex)
      network = (taken.keys.first || address).rpartition(".").first
      inside = address.start_with?("#{network}.") && address.rpartition(".").last.to_i.between?(2, 254)
      refuse "#{named} is '#{address}': it must be between #{network}.2 and #{network}.254" unless inside
      refuse "#{named} is '#{address}', and so is #{taken[address]}" if taken.key?(address)
      taken[address] = named
    end
  end

  # One line that systemd, dotenvy, bash and Nix read alike.
  def line(name)
    found = value(name)
    if !found.valid_encoding? || found.match?(/[[:cntrl:]]/) || (found.include?("'") && found.match?(/["$\\]/))
      refuse "#{name} holds characters that an environment file cannot: set another in .env"
    end
    found.include?("'") ? "#{name}=\"#{found}\"\n" : "#{name}='#{found}'\n"
  end

  # An environment file in base64, which no shell changes.
  def text_of(names)
    [names.map { |name| line(name) }.join].pack("m0")
  end

  # What Nix may know, as nix/environment.json: the variables of all machines, without secrets.
  def public_json
    names = MACHINES.values.flat_map { |machine| machine["variables"] + [machine["address"]] }.uniq - TABLE["secrets"]
    "#{JSON.pretty_generate(names.sort.to_h { |name| [name, value(name)] })}\n"
  end
end
