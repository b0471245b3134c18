/* All of it is in zmq.h; this is for programs that still ask for it here. */
#include <zmq.h>
