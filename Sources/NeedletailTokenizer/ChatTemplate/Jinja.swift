/// The template language of chat templates: the part of Jinja 3.1 that runs without a file system, with Python's
/// semantics of values, as Hugging Face transformers set it up (`trim_blocks`, `lstrip_blocks`, an immutable sandbox,
/// no escaping).
///
/// `Lexer` makes tokens, `Parser` a tree of `Statement` and `Expression`, `Interpreter` walks it. Every walk is
/// bounded: the source's nesting by the parser, everything else by the interpreter's steps, sizes and depth.
enum Jinja {
  /// How deep tags, blocks and parentheses may nest in a source.
  static let maximumSourceNesting = 96
  /// How deep lists, dictionaries and generators may nest in each other.
  static let maximumValueDepth = 160
}
