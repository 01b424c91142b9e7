import Glibc

// Checks the driver layer on the GPU at hand: `needletail-gpu-tests [--list] [part of a check's name]...`
let all: [GPUCheck] =
  GPUCheck.discovery + GPUCheck.compile + GPUCheck.launches + GPUCheck.graphs + GPUCheck.copies + GPUCheck.tensorMaps
  + GPUCheck.products + GPUCheck.sensors + GPUCheck.errors + GPUCheck.lostContext
let arguments = CommandLine.arguments.dropFirst()
let filters = arguments.filter { !$0.hasPrefix("-") }
let chosen = all.filter { check in filters.isEmpty || filters.contains { check.name.contains($0) } }

if let unknown = arguments.first(where: { $0.hasPrefix("-") && $0 != "--list" }) {
  print("\(unknown) is unknown; usage: needletail-gpu-tests [--list] [part of a check's name]...")
  exit(2)
} else if chosen.isEmpty {
  print("no check's name contains \(filters.joined(separator: " or ")); --list prints the names")
  exit(2)
} else if arguments.contains("--list") {
  for check in chosen { print(check.name) }
} else {
  exit(CheckRun.run(chosen) ? 0 : 1)
}
