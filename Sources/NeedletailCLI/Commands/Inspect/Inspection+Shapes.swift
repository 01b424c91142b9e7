import Needletail
import NeedletailKernels

extension Inspection {
  /// How the launches of a step run on a GPU, and who chose it so: a measured row of a table, or a rule. Nil on the CPU.
  func shapes(_ phase: InspectionPhase, showsAll: Bool) -> String? {
    let counts = phase.profile.counts
    guard phase.rows.contains(where: { $0.launch.gpu != nil || $0.launch.library != nil }) else { return nil }
    var table = TextTable(["kernel", "where", ">grid", ">threads", ">cluster", ">shared", "chosen by"])
    let launches =
      showsAll
      ? phase.rows.map { ($0.launch, $0.launch.scope) } : phase.groups.map { ($0.launch, $0.scope) }
    for (launch, scope) in launches {
      if let library = launch.library {
        table.add([launch.kernel, scope, "-", "-", "-", "-", "a library, \(library.choice)"])
      } else if let gpu = launch.gpu {
        table.add([
          launch.kernel, scope, gpu.gridText(counts), "\(gpu.threads)", gpu.cluster > 1 ? "\(gpu.cluster)" : "-",
          gpu.sharedBytes > 0 ? Show.bytes(gpu.sharedBytes) : "-", gpu.choice,
        ])
        if showsAll { table.add(["", "  \(gpu.function.text)", "", "", "", "", ""]) }
      }
    }
    return "SHAPES of the launches of a \(phase.title)\n" + table.text
  }
}

extension GPULaunch {
  /// "132 x 8": blocks along the axes that have more than one.
  func gridText(_ counts: StepCounts) -> String {
    let blocks = grid.map { $0.value(in: counts) }
    let last = blocks.lastIndex { $0 != 1 } ?? 0
    return blocks.prefix(last + 1).map(String.init).joined(separator: " x ")
  }
}

extension GPUFunction {
  /// "product/product.cu NT_ROWS=8 NT_X=1"
  var text: String { ([source] + defines.map { "\($0.name)=\($0.value)" }).joined(separator: " ") }
}
