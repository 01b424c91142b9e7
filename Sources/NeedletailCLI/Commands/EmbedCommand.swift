import ArgumentParser
import Needletail

/// `needletail embed`: vectors for texts.
struct EmbedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed", abstract: "Turn texts into vectors: the model's last hidden states, pooled.",
    discussion: "Prints a line of JSON for each --text, in their order: {\"tokens\": 5, \"embedding\": [0.1, ...]}.")

  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(help: ArgumentHelp("A text; may be repeated.", valueName: "text"))
  var text: [String] = []
  @Option(help: "The last token's state, or the mean of all.")
  var pooling = Pooling.last
  @Flag(inversion: .prefixedNo, help: "Divide each vector by its length.")
  var normalize = true

  func run() async throws {
    guard !text.isEmpty, !text.contains("") else { throw UsageError("there is no text; give --text") }
    let llm = try await model.load { options in
      options.givesEmbeddings = true
      if options.device == .auto { options.device = .cpu }
    }
    guard llm.engine.limits.hiddenSize != nil else {
      throw UsageError("\(llm.path) was built without --embeddings; build another engine, or give the model itself")
    }
    let vectors = try await llm.embed(text, pooling: pooling, isNormalized: normalize)
    for (text, vector) in zip(text, vectors) {
      let object: JSON = [
        "tokens": .int(try llm.encode(text).count), "embedding": .array(vector.map { .double(Double($0)) }),
      ]
      Terminal.line(object.text())
    }
  }
}
