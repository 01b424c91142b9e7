// Closes what isa_*.h opened; the last line of a kernel's translation unit includes it.
#ifdef NT_ATTRIBUTE_PUSHED
#pragma clang attribute pop
#endif
