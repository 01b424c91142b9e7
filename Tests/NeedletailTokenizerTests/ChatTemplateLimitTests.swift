import NeedletailJSON
import Testing

@testable import NeedletailTokenizer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

private final class SmallStackPart: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs a part on a thread with a stack of 512 KB, as the ones of a task pool have.
func onSmallStack<Result: Sendable>(_ part: @escaping @Sendable () -> Result) -> Result? {
  nonisolated(unsafe) var result: Result?
  let box = SmallStackPart { result = part() }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 512 << 10)
  #if canImport(Darwin)
    var thread: pthread_t?
  #else
    var thread = pthread_t()
  #endif
  let created = pthread_create(
    &thread, &attributes,
    { argument in
      #if !canImport(Darwin)
        guard let argument else { return nil }
      #endif
      Unmanaged<SmallStackPart>.fromOpaque(argument).takeRetainedValue().run()
      return nil
    }, Unmanaged.passRetained(box).toOpaque())
  guard created == 0 else { return nil }
  #if canImport(Darwin)
    if let thread { pthread_join(thread, nil) }
  #else
    pthread_join(thread, nil)
  #endif
  return result
}

@Suite struct ChatTemplateLimitTests {
  /// The kind of error in which a template ends, nil where it renders.
  func failure(_ source: String, _ context: JSONObject = .init()) -> ChatTemplateError.Kind? {
    onSmallStack {
      do throws(ChatTemplateError) {
        _ = try ChatTemplate(source).render(context)
        return ChatTemplateError.Kind?.none
      } catch { return error.kind }
    } ?? nil
  }

  @Test(arguments: [
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(10 ** 9) %}{% endfor %}",
    "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "{% macro f(n) %}{% if n %}{% for x in [1] %}{{ [f(n + 1), 1] | join }}{% endfor %}{% endif %}{% endmacro %}{{ f(1) }}",
    "{% macro a() %}{% call b() %}{% endcall %}{% endmacro %}{% macro b() %}{{ caller }}{{ a() }}{% endmacro %}{{ a() }}",
    "{% for x in [[[]]] recursive %}{{ loop([x]) }}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('x', ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s * 10 %}{% endfor %}",
    "{{ 'x' * 10 ** 12 }}", "{{ [1] * 10 ** 12 }}", "{{ 'x'.center(10 ** 12) }}", "{{ 'a\\nb' | indent(10 ** 12) }}",
    "{{ 'x'.zfill(10 ** 12) }}", "{{ '\\t'.expandtabs(10 ** 12) }}", "{{ 'x'.ljust(2 ** 62) }}",
    // Values that nest, or share parts so that walking them all takes forever.
    "{% set ns = namespace(s=[]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}",
    "{% set ns = namespace(s={}) %}{% for i in range(9999) %}{% set ns.s = {'a': ns.s} %}{% endfor %}",
    "{% set ns = namespace(s=[]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}",
    "{% set ns = namespace(s=[], t=[]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
    "{% set ns = namespace(s=[], t=[]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s < ns.t }}",
    "{% set ns = namespace(s=(1,)) %}{% for i in range(99) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}",
    "{% set ns = namespace(g=[1]) %}{% for i in range(9999) %}{% set ns.g = ns.g | map('string') %}{% endfor %}{{ ns.g | list }}",
    "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
    "{% set ns = namespace(f='x'.upper) %}{% for i in range(9999) %}{% set ns.f = [ns.f].index %}{% endfor %}{{ ns.f }}",
    "{{ range(100000) | list | sort | map('string') | sort | unique | list | join | length }}{% for i in range(99999) %}{{ range(100000) | sum }}{% endfor %}",
  ]) func endsByALimit(_ source: String) { #expect(failure(source) == .limit, "\(source)") }

  @Test func takesApartChainsAndCycles() {
    let sources = [
      "{% set ns = namespace() %}{% set ns.a = [ns] %}ok",
      // A chain of namespaces, which must not be freed one within the other.
      """
      {% set head = namespace() %}{% set ns = namespace(last=head) %}{% for i in range(20000) %}\
      {% set p = ns.last %}{% set q = namespace() %}{% set p.next = q %}{% set ns.last = q %}{% endfor %}ok
      """,
      // Macros, each of which sees the one before.
      """
      {% set ns = namespace(m=none) %}{% for i in range(20000) %}{% set before = ns.m %}\
      {% macro m() %}{{ before }}{% endmacro %}{% set ns.m = m %}{% endfor %}ok
      """,
    ]
    for source in sources {
      let text = onSmallStack { try? ChatTemplate(source).render(.init()) }
      #expect(text == "ok", "\(source)")
    }
  }

  @Test(arguments: [
    ("{{ ", "(", "1", ")", " }}"), ("{{ ", "[", "1", "]", " }}"), ("{{ ", "{1: ", "1", "}", " }}"),
    ("{{ ", "not ", "1", "", " }}"), ("{{ ", "-", "1", "", " }}"), ("{{ x", "[x", "", "]", " }}"),
    ("{{ ", "f(", "1", ")", " }}"),
    ("{{ ", "1 if ", "1", "", " }}"), ("{{ ", "1 if 1 else ", "1", "", " }}"), ("{{ 1", " | default(1", "", ")", " }}"),
    ("{{ 1", " is in [1", "", "]", " }}"), ("", "{% if 1 %}", "x", "{% endif %}", ""),
    ("", "{% for i in [1] %}", "x", "{% endfor %}", ""), ("", "{% set x %}", "x", "{% endset %}", ""),
    ("", "{% filter upper %}", "x", "{% endfilter %}", ""), ("", "{% with %}", "x", "{% endwith %}", ""),
    ("", "{% macro m() %}", "x", "{% endmacro %}", ""), ("", "{% call m() %}", "x", "{% endcall %}", ""),
    ("{% for ", "(", "a, ", "), ", " in x %}{% endfor %}"),
  ]) func refusesDeepSources(_ start: String, _ open: String, _ inner: String, _ close: String, _ end: String) {
    func source(_ depth: Int) -> String {
      start + String(repeating: open, count: depth) + inner + String(repeating: close, count: depth) + end
    }
    #expect(failure(source(20000)) == .syntax)
    #expect(failure(source(1000)) == .syntax)
    // The deepest that is read must also run within the stack: no error, or one of the template's own.
    for depth in 5...60 { _ = failure(source(depth)) }
  }

  @Test func readsLongChainsThatDoNotNest() throws {
    let parts = Array(repeating: "'a'", count: 20_000)
    #expect(failure("{{ " + parts.joined(separator: " + ") + " }}") == .limit)
    #expect(failure("{{ " + parts.joined(separator: " ~ ") + " }}") == nil)
    #expect(failure("{{ " + parts.joined(separator: " or ") + " }}") == nil)
    #expect(failure("{{ 'a'" + String(repeating: "| upper", count: 20_000) + " }}") == nil)
    #expect(failure("{{ x" + String(repeating: ".a", count: 20_000) + " }}") == .runtime)
    let branches = String(repeating: "{% elif 0 %}", count: 20_000)
    #expect(failure("{% if 0 %}" + branches + "{% endif %}") == nil)
    #expect(failure(String(repeating: "{{ 1 }}", count: 100_000)) == nil)
  }

  @Test func recursionsThatRealTemplatesNeedFit() throws {
    let template = try ChatTemplate(
      "{% macro f(n) %}{{ n }}{% if n > 0 %},{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}")
    let text = onSmallStack { try? template.render(.init()) }
    #expect(text == (0...30).reversed().map(String.init).joined(separator: ","))
  }

  @Test func errorsNameTheLine() {
    let sources: [(String, Int, ChatTemplateError.Kind)] = [
      ("a\nb\n{{ 1 + }}", 3, .syntax), ("{% if true %}\n\n{{ x.y }}{% endif %}", 3, .runtime),
      ("{{ 1 }}\n{{ raise_exception('Roles must alternate') }}", 2, .raised), ("\n\n{{ 'a' | nope }}", 3, .syntax),
      ("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ m() }}", 2, .runtime),
    ]
    for (source, line, kind) in sources {
      do throws(ChatTemplateError) {
        let text = try ChatTemplate(source).render(.init())
        Issue.record("\(source) gives \(text)")
      } catch {
        #expect(error.line == line, "\(error)")
        #expect(error.kind == kind)
        if kind == .raised { #expect(error.message == "Roles must alternate") }
      }
    }
  }

  @Test func boundsTheOutput() {
    let limits = ChatTemplate.Limits(maximumOutputBytes: 1000)
    func render(_ count: Int) -> String? {
      try? ChatTemplate("{% for i in range(\(count)) %}x{% endfor %}").render(.init(), limits: limits)
    }
    #expect(render(1000)?.utf8.count == 1000)
    #expect(render(1001) == nil)
  }

  @Test func survivesTruncatedAndGarbledSources() throws {
    let sources = try ["Qwen-Qwen2.5-7B-Instruct", "mistralai-Mistral-Nemo-Instruct-2407"].map {
      Array(try ChatTemplateFixtures.text("\($0).jinja").unicodeScalars)
    }
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let context = JSONObject([
      ("messages", [["role": "user", "content": "Hi"]]), ("tools", [["function": [:]]]),
    ])
    var failures = 0
    let pieces = Array("{%}-+#|()[].,'\"\\~ \n".unicodeScalars)
    for round in 0..<1500 {
      var scalars = sources[round % 2]
      if round % 3 == 0 { scalars = Array(scalars[..<random(scalars.count)]) }
      for _ in 0..<random(4) where !scalars.isEmpty {
        let position = random(scalars.count)
        if random(2) == 0 {
          scalars.remove(at: position)
        } else {
          scalars.insert(pieces[random(pieces.count)], at: position)
        }
      }
      let source = String(String.UnicodeScalarView(scalars))
      if (try? ChatTemplate(source).render(context)) == nil { failures += 1 }
    }
    #expect(failures > 300 && failures < 1500)
  }
}
