extension GPUCheck { static func models(_ folder: String) -> [GPUCheck] { [] } }
