extension Jinja {
  /// A constant of the source.
  enum Literal: Sendable {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
  }

  /// What is evaluated to a value. Chains of operators of one precedence, and chains of accesses, calls and filters, are
  /// flat, so that only parentheses and brackets nest.
  indirect enum Expression: Sendable {
    case literal(Literal)
    /// A variable: the position of its name in the template's table.
    case name(Int)
    case list([Expression])
    case tuple([Expression])
    case dict([(key: Expression, value: Expression)])
    case and([Expression])
    case or([Expression])
    case not(Expression)
    case comparison(Expression, [(Comparison, Expression)])
    /// Operators applied from left to right.
    case arithmetic(Expression, [(Arithmetic, Expression)])
    /// `a ~ b`: the texts of values joined.
    case concatenation([Expression])
    case negative(Expression)
    case positive(Expression)
    case conditional(test: Expression, then: Expression, otherwise: Expression?)
    case postfix(Expression, [Postfix])
  }

  /// What compares two values.
  enum Comparison: Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn }

  /// What computes with two values.
  enum Arithmetic: Sendable { case add, subtract, multiply, divide, floorDivide, remainder, power }

  /// What follows a value.
  enum Postfix: Sendable {
    case attribute(String)
    case item(Expression)
    case slice(Expression?, Expression?, Expression?)
    case call(CallSyntax)
    case filter(String, FilterFunction?, CallSyntax)
    case test(String, TestFunction?, CallSyntax, isNegated: Bool)
  }

  /// The arguments of a call as written.
  struct CallSyntax: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    /// `*list`
    var splat: Expression?
    /// `**dict`
    var namedSplat: Expression?
  }

  /// A filter; reads its arguments itself.
  typealias FilterFunction = @Sendable (Interpreter, Value, Arguments) throws -> Value
  /// A test.
  typealias TestFunction = @Sendable (Interpreter, Value, Arguments) throws -> Bool

  /// What a value is assigned to.
  enum Target: Sendable {
    case name(Int)
    /// An attribute of a namespace: its variable and the attribute.
    case attribute(Int, String)
    case tuple([Target])
  }

  /// What is executed.
  struct Statement: Sendable {
    let line: Int
    let kind: Kind

    indirect enum Kind: Sendable {
      case text(String)
      case output(Expression)
      case condition([(test: Expression, body: [Statement])], otherwise: [Statement])
      case loop(LoopSyntax)
      case set(Target, Expression)
      case setBlock(Target, [Postfix], [Statement])
      case macro(MacroSyntax)
      /// The call, and the body that it may ask for as `caller()`.
      case callBlock(Expression, CallSyntax, MacroSyntax)
      case filterBlock([Postfix], [Statement])
      case with([(Target, Expression)], [Statement])
      /// A named block; its variables are the template's own ones.
      case block([Statement])
      /// The text of an assistant, which a trainer would mark.
      case generation([Statement])
      case `break`
      case `continue`
    }
  }

  /// `{% for target in iterable if condition recursive %}`
  final class LoopSyntax: Sendable {
    let target: Target
    let iterable: Expression
    let condition: Expression?
    let isRecursive: Bool
    let body: [Statement]
    let otherwise: [Statement]

    init(
      target: Target, iterable: Expression, condition: Expression?, isRecursive: Bool, body: [Statement],
      otherwise: [Statement]
    ) {
      self.target = target
      self.iterable = iterable
      self.condition = condition
      self.isRecursive = isRecursive
      self.body = body
      self.otherwise = otherwise
    }
  }

  /// `{% macro name(parameters) %}`, or the body of a call block.
  final class MacroSyntax: Sendable {
    /// The special variables that a body can ask for by naming them.
    struct Uses: OptionSet, Sendable {
      let rawValue: Int
      static let caller = Uses(rawValue: 1)
      static let positional = Uses(rawValue: 2)
      static let named = Uses(rawValue: 4)
    }

    let name: String
    /// The variable that holds the macro.
    let identifier: Int
    let parameters: [(name: String, identifier: Int, fallback: Expression?)]
    let body: [Statement]
    let uses: Uses

    init(
      name: String, identifier: Int, parameters: [(name: String, identifier: Int, fallback: Expression?)],
      body: [Statement], uses: Uses
    ) {
      self.name = name
      self.identifier = identifier
      self.parameters = parameters
      self.body = body
      self.uses = uses
    }
  }
}
