// What a user of the library meets: options and events, layers to define models with, graphs to look at.
@_exported import NeedletailGraph
@_exported import NeedletailJSON
@_exported import NeedletailModels
@_exported import NeedletailRuntime

/// The symbolic step that models are called on; the runtime's own `Step` is what its scheduler makes.
public typealias Step = NeedletailModels.Step
