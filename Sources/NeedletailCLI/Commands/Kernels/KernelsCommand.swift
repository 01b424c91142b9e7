import ArgumentParser

/// `needletail kernels`: machine code for GPUs.
struct KernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels", abstract: "Machine code of GPU kernels.", subcommands: [KernelsCompileCommand.self])
}
