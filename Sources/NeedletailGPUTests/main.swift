import Glibc

// Checks the driver layer, the kernels and the models on the GPU at hand:
//   needletail-gpu-tests [--list] [--goldens DIR] [--separate] [--compile DIR] [part of a check's name]...
let usage = """
  usage: needletail-gpu-tests [--list] [--goldens DIR] [--separate] [--compile DIR] [part of a check's name]...
    --list         prints the names of the checks
    --goldens DIR  where the reference models are; by default the folder goldens beside this program
    --separate     small problems only, each operand in memory of its own: for compute-sanitizer
    --compile DIR  only compiles the kernels of the checks for an H200, without a GPU; in a folder needletail-kernels
                   beside this program they are found
  """
if let status = ChildRole.run(CommandLine.arguments) { exit(status) }
switch CheckOptions.parse(Array(CommandLine.arguments.dropFirst())) {
case .failure(let mistake):
  print("\(mistake)\n\(usage)")
  exit(2)
case .success(let options):
  let all: [GPUCheck] =
    GPUCheck.discovery + GPUCheck.compile + GPUCheck.launches + GPUCheck.graphs + GPUCheck.copies + GPUCheck.tensorMaps
    + GPUCheck.products + GPUCheck.sensors + GPUCheck.errors + GPUCheck.kernels + GPUCheck.models(options.goldens)
    + GPUCheck.engines(options.goldens) + GPUCheck.engineRefusals(options.goldens) + GPUCheck.tuning(options.goldens)
    + GPUCheck.kernelCacheFaults(options.goldens) + GPUCheck.memoryFaults(options.goldens)
    + GPUCheck.driverFaults(options.goldens) + GPUCheck.lostContext
  let chosen = all.filter { check in
    options.filters.isEmpty || options.filters.contains { check.name.contains($0) }
  }
  if chosen.isEmpty {
    print("no check's name contains \(options.filters.joined(separator: " or ")); --list prints the names")
    exit(2)
  } else if options.lists {
    for check in chosen { print(check.name) }
  } else if let folder = options.compiles {
    exit(CheckRun.compile(chosen, to: folder) ? 0 : 1)
  } else {
    exit(CheckRun.run(chosen, from: options.start, separatesOperands: options.separatesOperands) ? 0 : 1)
  }
}
