import Needletail

/// The page that `inspect --html` writes: one file without anything from elsewhere, for light and dark screens of any
/// width. The report is in it as JSON; a script draws it.
enum InspectionPage {
  /// The page of a report as `inspect --json` prints it.
  static func html(_ report: JSON) -> String {
    let name = escaped(report["name"]?.string ?? "model")
    // "</" would end the script element.
    let data = report.text(.compact).split(separator: "</", omittingEmptySubsequences: false).joined(separator: "<\\/")
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(name) · Needletail</title>
      <style>\(style)</style>
      </head>
      <body>
      \(bodyHTML)
      <script type="application/json" id="report">\(data)</script>
      <script>\(script)</script>
      </body>
      </html>

      """
  }

  private static func escaped(_ text: String) -> String {
    var out = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }

  private static let bodyHTML = """
    <header><div class="brand">needletail inspect</div><h1 id="name"></h1><p id="facts" class="chips"></p></header>
    <main>
    <section id="figures" class="figures"></section>
    <section><h2>Pipeline</h2>
    <p class="lead">From what the model records to what the device runs: choose a pass to see the graph after it. Lines \
    that the pass brought are marked.</p>
    <div id="passes" class="steps" role="tablist"></div>
    <label class="check"><input type="checkbox" id="allLayers"> all layers</label>
    <pre id="graph" class="graph" tabindex="0"></pre></section>
    <section><h2>Launches</h2>
    <p class="lead" id="launchLead"></p>
    <div class="bar"><div id="phases" class="tabs"></div>
    <label class="check"><input type="checkbox" id="everyLaunch"> every launch</label></div>
    <div id="strip" class="strip" aria-hidden="true"></div><div id="legend" class="legend"></div>
    <div class="scroll"><table id="launches"></table></div></section>
    <section><h2>Memory</h2>
    <p class="lead">Activation memory of a step: each block is a value, as wide as the launches it lives for, as high as \
    its bytes. Values that are never alive together share a place.</p>
    <div id="variants" class="tabs"></div><div id="memory"></div><p id="memoryNote" class="note"></p></section>
    <section><h2>Weights</h2><p class="lead" id="weightLead"></p>
    <div id="treemap"></div><div class="scroll"><table id="weights"></table></div></section>
    </main>
    <footer id="footer"></footer>
    <div id="tip" role="status"></div>
    """
}
