import ArgumentParser
import Needletail
import NeedletailCheckpoint
import NeedletailTokenizer

/// `needletail tokenize`: text to token ids and back.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Turn text into token ids and back.",
    discussion: """
      --jsonl prints {"ids", "ids_special", "decoded"} for each line {"text": ...}: ids without and with the model's own \
      special tokens around the text, and the text of the former. --decode reads ids instead of text. Figures about a \
      file go to standard error.
      """)

  @Option(help: ArgumentHelp("The model's directory, ORG/NAME, or a directory with a tokenizer.", valueName: "dir"))
  var model: String?
  @Option(help: "The text.")
  var text: String?
  @Option(help: ArgumentHelp("A file with the text; - is standard input.", valueName: "file"))
  var file: String?
  @Option(help: ArgumentHelp("A file with a line {\"text\": ...} for each text.", valueName: "file"))
  var jsonl: String?
  @Flag(help: "The input is token ids, with spaces or commas between them; print their text.")
  var decode = false
  @Flag(help: "Print one JSON object.")
  var json = false
  @Flag(name: .customLong("no-special"), help: "No special tokens around the text.")
  var leavesOutSpecial = false

  func run() throws {
    let count = [text != nil, file != nil, jsonl != nil].count { $0 }
    guard count == 1 else { throw UsageError("give one of --text, --file and --jsonl") }
    let tokenizer = try Self.tokenizer(try model ?? DemoModel.path())
    if let jsonl {
      try encodeLines(try Files.text(jsonl), path: jsonl, tokenizer)
    } else if decode {
      let ids = try Self.tokenIDs(try text ?? Files.text(file ?? "-"))
      let decoded = tokenizer.decode(ids)
      Terminal.line(json ? JSON.object(JSONObject([("text", .string(decoded))])).text() : decoded)
    } else {
      try encode(try text ?? Files.text(file ?? "-"), tokenizer)
    }
  }

  private func encode(_ text: String, _ tokenizer: Tokenizer) throws {
    let start = ContinuousClock.now
    let ids = tokenizer.encode(text, addSpecialTokens: !leavesOutSpecial)
    let time = (ContinuousClock.now - start).seconds
    let list = JSON.array(ids.map { .int(Int($0)) })
    if json {
      let tokens = JSON.array(ids.map { .string(tokenizer.token($0) ?? "") })
      Terminal.line(
        JSON.object(JSONObject([("ids", list), ("tokens", tokens), ("count", .int(ids.count))])).text())
    } else {
      Terminal.line(ids.map(String.init).joined(separator: " "))
    }
    guard file != nil else { return }
    let rate = Double(text.utf8.count) / 1e6 / max(time, 1e-9)
    Terminal.error(
      "\(Show.grouped(ids.count)) tokens of \(Show.grouped(text.utf8.count)) bytes in \(Show.time(seconds: time)), "
        + "\(Show.short(rate)) MB/s")
  }

  private func encodeLines(_ text: String, path: String, _ tokenizer: Tokenizer) throws {
    var out = ""
    for (number, line) in text.utf8.split(separator: UInt8(ascii: "\n")).enumerated() {
      let value: JSON
      do { value = try JSON.parse(Array(line)) } catch {
        throw UsageError("'\(path)', line \(number + 1): \(error)")
      }
      guard let text = value["text"]?.string else {
        throw UsageError("'\(path)', line \(number + 1): there is no string \"text\"")
      }
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      let special = tokenizer.encode(text)
      let object = JSONObject([
        ("ids", .array(ids.map { .int(Int($0)) })), ("ids_special", .array(special.map { .int(Int($0)) })),
        ("decoded", .string(tokenizer.decode(ids))),
      ])
      out += JSON.object(object).text() + "\n"
      if out.utf8.count > 1 << 16 {
        Terminal.write(out)
        out = ""
      }
    }
    Terminal.write(out)
  }

  /// The tokenizer of a directory, of which nothing else need be there, or of a model in the cache.
  static func tokenizer(_ model: String) throws -> Tokenizer {
    if Files.isFile(model + "/tokenizer.json") || Files.isFile(model + "/tokenizer.model") {
      return try Tokenizer.load(directory: model)
    }
    return try Tokenizer.load(directory: try ModelDirectory(model).path)
  }

  static func tokenIDs(_ text: String) throws -> [Int32] {
    try text.split { $0 == "," || $0 == "[" || $0 == "]" || $0.isWhitespace }.map { word in
      guard let id = Int32(word), id >= 0 else { throw UsageError("'\(word)' is no token id") }
      return id
    }
  }
}
