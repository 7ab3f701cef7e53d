// What Swift's Glibc module leaves out of Linux: epoll, eventfd, timerfd, accept4, getrandom, O_DIRECT.
// _GNU_SOURCE stays undefined: glibc's types would then differ from those of Swift's own Glibc module.
#ifndef CHARTLOG_CLINUX_H
#define CHARTLOG_CLINUX_H
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#endif
