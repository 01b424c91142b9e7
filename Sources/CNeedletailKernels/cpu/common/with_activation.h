// Calls `call` with the variable `kind` a constant, so that the loop inside it is compiled for that activation.
#ifndef NEEDLETAIL_WITH_ACTIVATION_H
#define NEEDLETAIL_WITH_ACTIVATION_H

#define NT_WITH_ACTIVATION_CASE(value, call) \
  case value: { \
    const nt_i32 kind = value; \
    call; \
    break; \
  }
#define NT_WITH_ACTIVATION(activation, call) \
  switch (activation) { \
    NT_WITH_ACTIVATION_CASE(NT_SILU, call) \
    NT_WITH_ACTIVATION_CASE(NT_GELU, call) \
    NT_WITH_ACTIVATION_CASE(NT_GELU_TANH, call) \
    NT_WITH_ACTIVATION_CASE(NT_RELU, call) \
    NT_WITH_ACTIVATION_CASE(NT_RELU_SQUARED, call) \
    NT_WITH_ACTIVATION_CASE(NT_SIGMOID, call) \
    NT_WITH_ACTIVATION_CASE(NT_TANH, call) \
    NT_WITH_ACTIVATION_CASE(NT_QUICK_GELU, call) \
    default: NT_WITH_ACTIVATION_CASE(NT_IDENTITY, call) \
  }

#endif
