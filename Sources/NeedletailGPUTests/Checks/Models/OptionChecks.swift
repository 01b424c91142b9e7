import Needletail
import NeedletailCUDA

extension GPUCheck {
  /// Options of the device that change how steps run, and no bit of what they give.
  static func options(_ folder: String) -> [GPUCheck] {
    let small = SmallModel(directory: folder + "/llama3_gqa")
    return [
      GPUCheck("option/graphs made ahead") { _ in
        let usual = try small.answer()
        try expect(usual.graphsAhead == 0 && usual.figures.graphs > 0, "\(usual.figures)")
        var options = CUDADevice.Options()
        options.makesGraphsAhead = true
        let ahead = try small.answer(options)
        try expect(ahead.tokens == usual.tokens, "other tokens: \(ahead.tokens), not \(usual.tokens)")
        try expect(ahead.graphsAhead > usual.figures.graphs, "\(ahead.graphsAhead) graphs before the first step")
        try expect(ahead.figures.graphs == ahead.graphsAhead, "\(ahead.figures.graphs) graphs after it")
        try expect(ahead.figures.replayed > usual.figures.replayed, "\(ahead.figures) and \(usual.figures)")
        return
          "\(ahead.graphsAhead) graphs, \(ahead.figures.replayed) of \(ahead.figures.replayed + ahead.figures.eager) "
          + "steps ran as one; without \(usual.figures.replayed)"
      },
      GPUCheck("option/no graphs, launches waited for") { _ in
        let usual = try small.answer()
        var options = CUDADevice.Options()
        (options.usesGraphs, options.waitsForLaunches) = (false, true)
        let plain = try small.answer(options)
        try expect(plain.tokens == usual.tokens, "other tokens: \(plain.tokens), not \(usual.tokens)")
        try expect(plain.figures.replayed == 0 && plain.figures.graphs == 0, "\(plain.figures)")
        options = CUDADevice.Options()
        options.startsEarly = false
        try expect(try small.answer(options).tokens == usual.tokens, "other tokens without early starts")
        return "the same tokens"
      },
    ]
  }
}
