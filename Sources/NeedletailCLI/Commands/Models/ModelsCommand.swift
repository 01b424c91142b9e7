import ArgumentParser
import Needletail

/// `needletail models`: which architectures are known, and what becomes of configs.
struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "List the architectures that are known, or say which configs can be run.",
    discussion: """
      --configs reads every config of a folder, NAME.json or NAME/config.json, without weights: whether the model can be \
      run, the reason if it cannot, and its parameters as its definition has them beside the published number. A \
      parameter that is used twice, such as a head that is the embedding, counts once.
      """)

  @Option(help: ArgumentHelp("A folder of NAME.json files or of folders with a config.json.", valueName: "dir"))
  var configs: String?
  @Flag(help: "Print Markdown, as in docs/models.md.")
  var markdown = false
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    if markdown, json { throw UsageError("give one of --markdown and --json") }
    let reports = try configs.map(ConfigReport.all)
    if json {
      Terminal.line(ModelsListing.json(reports).text(.init(indent: 2)))
    } else if markdown {
      Terminal.write(ModelsListing.markdown(reports))
    } else {
      Terminal.line(reports.map(ModelsListing.table) ?? ModelsListing.architectures)
    }
  }
}
