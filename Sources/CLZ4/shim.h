#ifndef CHARTLOG_CLZ4_H
#define CHARTLOG_CLZ4_H
#include <lz4.h>
#include <lz4hc.h>
#endif
