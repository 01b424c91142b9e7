import ArgumentParser
import Needletail
import NeedletailCPU
import NeedletailCheckpoint
import NeedletailKernels
import NeedletailQuantize
import NeedletailTokenizer

/// `needletail quantize`: writes a checkpoint with weights in codes.
struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Write a model with weights of 8 or 4 bits.",
    discussion: """
      The result is a model directory that every command takes as --model. Recipes:

      \(QuantizeRecipe.names.map { "  \($0.name.padding(18))\($0.meaning)" }.joined(separator: "\n"))

      The model is run layer by layer on the CPU, with one layer's weights in memory. Without --calibration, the recipes \
      that need a text take one that the model writes itself.
      """)

  @Option(help: ArgumentHelp("The model: a directory, or ORG/NAME in the local cache.", valueName: "dir"))
  var model: String?
  @Option(help: ArgumentHelp("How it is quantized.", valueName: "name"))
  var recipe: String
  @Option(help: ArgumentHelp("The directory to write.", valueName: "dir"))
  var output: String
  @Option(help: "How keys and values will be cached: fp8 or int8.")
  var kvCache: CacheChoice?
  @Option(help: ArgumentHelp("A text, or lines of JSON with \"text\" or \"prompt\".", valueName: "file"))
  var calibration: String?
  @Option(help: "Samples of the calibration text.")
  var samples = 64
  @Option(help: "Tokens of a sample.")
  var sampleLength = 512
  @Option(help: "Columns that share a scale, in recipes of 4 bits: 32, 64 or 128; 64 by default.")
  var groupSize: Int?
  @Flag(help: "4-bit codes without zero points.")
  var symmetric = false
  @Option(help: "SmoothQuant's share of the difficulty that goes to weights, 0 to 1.")
  var alpha: Float = 0.5
  @Flag(help: "GPTQ rounds columns with the largest inputs first.")
  var actOrder = false
  @Option(help: "Bits of a weight on average, for the recipe mixed.")
  var bits: Double?
  @Option(help: ArgumentHelp("Leave modules of this name as they are; * stands for any text.", valueName: "name"))
  var keep: [String] = []
  @Option(help: "The product that gives logits: none or int8.")
  var head = TableChoice.none
  @Option(help: "The embedding's table (and a head that shares it): none or int8.")
  var embedding = TableChoice.none
  @Option(help: "The files' layout: compressed-tensors, modelopt, awq, gptq, fp8, mxfp4.")
  var format: CheckpointFormat?
  @Option(help: "Threads; by default one for each core.")
  var threads: Int?
  @Flag(help: "Print a line for each module.")
  var verbose = false

  func run() async throws {
    guard samples >= 1, sampleLength >= 16 else {
      throw UsageError("--samples must be 1 or more, --sample-length 16 or more")
    }
    let start = ContinuousClock.now
    let source = try model ?? DemoModel.path()
    let package = try ModelPackage(source)
    guard package.archive == nil, let checkpoint = package.checkpoint else {
      throw UsageError("\(source) is an engine; quantize the model it was built from")
    }
    var recipe = try QuantizeRecipe(
      recipe, stored: package.mainDType, format: format, groupSize: groupSize, isSymmetric: symmetric ? true : nil,
      alpha: alpha, ordersColumns: actOrder, bits: bits)
    recipe.kept = keep
    recipe.cache = kvCache?.dtype
    if head == .int8 { recipe.head = LinearRecipe(WeightCoding(.int8)) }
    if embedding == .int8 { recipe.embedding = WeightCoding(.int8) }
    let quantizer = try Quantizer(package.model, checkpoint, recipe: recipe)
    let text = recipe.needsCalibration ? try await calibrationText(package, source) : []
    let bar = ProgressBar("quantizing")
    quantizer.progress = { bar.update($0, $1) }
    let report = try quantizer.run(
      text: text, from: package.directory, to: output, on: try CPUDevice(threads: threads), version: Version.text)
    bar.finish()
    show(report, seconds: (ContinuousClock.now - start).seconds)
  }

  private func calibrationText(_ package: ModelPackage, _ source: String) async throws -> [[Int32]] {
    let length = min(sampleLength, package.model.maximumSequenceLength)
    guard let calibration else {
      Terminal.error("note: without --calibration the model is run on text that it writes itself")
      return try await OwnText(source: source, samples: samples, length: length, threads: threads).sequences()
    }
    let tokenizer = try TokenizeCommand.tokenizer(package.directory.path)
    return try CalibrationText(path: calibration, samples: samples, length: length).sequences(tokenizer)
  }

  private func show(_ report: QuantizeReport, seconds: Double) {
    if verbose {
      var table = TextTable(["module", "shape", "became", ">error", ">bytes"])
      for module in report.modules {
        table.add([
          module.module, module.shape.map(String.init).joined(separator: "x"),
          module.recipe?.description ?? "as it was",
          module.relativeError.map { Show.fixed($0 * 100, 3) + " %" } ?? "-", Show.grouped(module.bytes),
        ])
      }
      Terminal.line(table.text)
    }
    for (reason, modules) in Dictionary(grouping: report.kept, by: { $0.reason ?? "" }).sorted(by: { $0.key < $1.key })
    {
      let names = modules.map(\.module)
      let shown = names.prefix(4).joined(separator: ", ") + (names.count > 4 ? " and \(names.count - 4) more" : "")
      Terminal.line("unquantized (\(reason)): \(shown)")
    }
    let errors = report.modules.compactMap(\.relativeError)
    let mean = errors.isEmpty ? "" : ", mean error \(Show.fixed(errors.reduce(0, +) / Double(errors.count) * 100, 3)) %"
    let text = report.tokens > 0 ? ", \(Show.grouped(report.tokens)) tokens of calibration" : ""
    Terminal.line(
      "\(output): \(report.modules.count - report.kept.count) modules by \(recipe), \(Show.bytes(report.bytesBefore)) to "
        + "\(Show.bytes(report.bytesAfter))\(mean)\(text), in \(Show.time(seconds: seconds))")
  }
}

/// How a cache is stored.
enum CacheChoice: String, ExpressibleByArgument, CaseIterable {
  case fp8, int8
  var dtype: DType { self == .fp8 ? .float8e4m3 : .int8 }
}

/// How a table is coded.
enum TableChoice: String, ExpressibleByArgument, CaseIterable {
  case none, int8
}

extension CheckpointFormat: ExpressibleByArgument {}

extension String {
  /// With spaces behind it up to a width.
  fileprivate func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
