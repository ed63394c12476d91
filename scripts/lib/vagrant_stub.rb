# A provider for Vagrant that makes no machine: each is always running, every action succeeds, and what would be downloaded from
# it is written down in the file `downloads`. So the triggers of the Vagrantfile can be tried without a hypervisor. And a command,
# box-of-virtualbox, which prints the box that VirtualBox would start from.

module Stub
  class Nothing
    def initialize(app, _env) = @app = app
    def call(env) = @app.call(env)
  end

  class Provider < Vagrant.plugin("2", :provider)
    def initialize(machine); end
    def action(_name) = Vagrant::Action::Builder.new.tap { |builder| builder.use(Nothing) }
    def state = Vagrant::MachineState.new(:running, "running", "always")
  end

  class Communicator < Vagrant.plugin("2", :communicator)
    def initialize(machine) = @name = machine.name
    def self.match?(_machine) = true
    def ready? = true

    def download(from, to)
      File.write("downloads", "#{@name} #{from} #{File.basename(to)}\n", mode: "a")
      File.write(to, "")
    end
  end

  class BoxOfVirtualbox < Vagrant.plugin("2", :command)
    def execute
      with_target_vms(["gateway-vm"], provider: :virtualbox) { |machine| puts machine.config.vm.box }
      0
    end
  end

  class Plugin < Vagrant.plugin("2")
    name "stub"
    provider(:stub, box_optional: true) { Provider }
    communicator(:stub) { Communicator }
    command("box-of-virtualbox") { BoxOfVirtualbox }
  end
end

Vagrant.configure("2") { |config| config.vm.communicator = :stub }
