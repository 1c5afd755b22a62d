/* A border SBC in miniature: sends INVITEs to a gate, checks the class of every final answer, acknowledges it.
 *
 * usage: load CORPUS HOST:PORT [calls=N] [seconds=S] [window=W] [rate=R] [again=P] [retry=S] [quiet=S] [busy=1]
 *             [fall=S] [to=R] [normal=MS] [answered=FILE] [wrong=FILE]
 *
 * CORPUS   records written by bench/mixes.py: a line "SOURCE CLASS LENGTH\n" and then LENGTH bytes of SIP. SOURCE is
 *          the address the datagram leaves from (so each trunk has its own), CLASS the first digit of the answer it
 *          deserves. In the text ~SERIAL~ is replaced by eight fresh hex digits, ~NUMBER~ by eight fresh decimal ones.
 * calls    stop after this many calls (default: no limit); seconds: stop after this time (default 10)
 * window   calls in flight at most, closed loop (default 64); rate: calls a second, open loop (0 = closed loop);
 *          latency is then counted from the moment the call was due, so a stalled gate cannot hide
 * again    per cent of the INVITEs sent twice in a row, as a network that duplicates datagrams (default 0)
 * retry    send unanswered INVITEs again every S seconds, and go on when the gate is gone: it may come back (default: no)
 * quiet    a call is lost after this many seconds without an answer (default 2); without retry= a refused socket ends the run; SIGTERM ends it politely
 * busy     with 1 a 503 is no wrong answer but one of an overloaded gate: counted as such, its latency left out
 * fall     open loop only: after this many seconds the rate falls to `to` calls a second; "recovered_s" then says how many seconds
 *          after the fall the first half second began in each tenth of which 99% of the calls due were answered within `normal`
 *          milliseconds (default 20); -1 if there was none
 * answered write the serial of every call that got a final answer, one hex number a line, flushed at the end
 * wrong    write the first 20 answers of another class than the corpus expects, with their INVITE
 *
 * Prints one line of JSON. Written for this project; needs Linux (sendmmsg, recvmmsg).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, SLOTS = 1 << 21, PLACES = 10, ROOM = 4096, SOURCES = 24, BINS = 4096 };

struct invite {
  char *text;
  int length, source, serials, numbers, serial[PLACES], number[PLACES];
  char expect;
};
struct slot {
  double due;        /* when the call was due; 0: free or answered */
  uint32_t serial, which;
};
struct lane {        /* one socket a source address */
  int fd, ready;
  char name[20];
  struct mmsghdr out[BATCH];
  struct iovec vector[BATCH];
  char text[BATCH][ROOM];
};

static struct invite *invites;
static int invite_count, lane_count;
static struct lane *lanes;
static struct slot *slots;
static uint32_t first, serial;
static long sent, answered, lost, wrong, refused, provisional, duplicates, repeated, by_class[8], limit_calls = -1;
static double limit_seconds = 10, rate, again, quiet = 2, retry, fall, fall_rate, normal = 20, started;
static long busy, due_in[BINS], in_time[BINS];
static int busy_allowed;
static volatile sig_atomic_t told_to_end;
static int window = 64;
static float *latency;
static size_t samples, sample_room = 1 << 23;
static FILE *answered_file, *wrong_file;

static double clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "load: %s\n", what);
  exit(2);
}

static int lane_of(const char *source, struct sockaddr_in *gate) {
  for (int i = 0; i < lane_count; i++)
    if (!strcmp(lanes[i].name, source)) return i;
  if (lane_count == SOURCES) fail("too many source addresses");
  struct lane *lane = &lanes[lane_count];
  int big = 8 << 20;
  struct sockaddr_in here = {.sin_family = AF_INET};
  snprintf(lane->name, sizeof lane->name, "%s", source);
  if (inet_pton(AF_INET, source, &here.sin_addr) != 1) fail("a source address of the corpus cannot be read");
  lane->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  setsockopt(lane->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
  setsockopt(lane->fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
  if (bind(lane->fd, (void *)&here, sizeof here) || connect(lane->fd, (void *)gate, sizeof *gate)) fail(strerror(errno));
  for (int i = 0; i < BATCH; i++) {
    lane->vector[i].iov_base = lane->text[i];
    lane->out[i].msg_hdr.msg_iov = &lane->vector[i];
    lane->out[i].msg_hdr.msg_iovlen = 1;
  }
  return lane_count++;
}

static int find_places(char *text, const char *mark, int *places) {
  int count = 0;
  for (char *at = strstr(text, mark); at && count < PLACES; at = strstr(at + 8, mark)) places[count++] = (int)(at - text);
  return count;
}

static void read_corpus(const char *path, struct sockaddr_in *gate) {
  FILE *file = fopen(path, "rb");
  char source[20], class;
  int length, room = 0;
  if (!file) fail("the corpus cannot be opened");
  while (fscanf(file, "%19s %c %d", source, &class, &length) == 3) {
    if (fgetc(file) != '\n' || length >= ROOM) fail("a corpus record is malformed");
    if (invite_count == room) invites = realloc(invites, (room = room ? 2 * room : 4096) * sizeof *invites);
    struct invite *it = &invites[invite_count++];
    it->text = calloc(1, length + 1);
    it->length = length;
    it->expect = class;
    if ((int)fread(it->text, 1, length, file) != length) fail("the corpus ends early");
    it->source = lane_of(source, gate);
    it->serials = find_places(it->text, "~SERIAL~", it->serial);
    it->numbers = find_places(it->text, "~NUMBER~", it->number);
  }
  fclose(file);
  if (!invite_count) fail("the corpus is empty");
}

/* Whether the gate is gone for good: without retry= a refused datagram says so. */
static int is_gone(void) { return retry <= 0 && refused > 2; }

static void end_soon(int number) { told_to_end = number; }

/* Send what a lane has gathered. Returns how many datagrams the kernel took. */
static int flush_lane(struct lane *lane) {
  int done = 0;
  while (done < lane->ready) {
    int k = sendmmsg(lane->fd, lane->out + done, lane->ready - done, 0);
    if (k > 0) { done += k; continue; }
    if (errno == ECONNREFUSED) { refused++; if (refused > 20) break; continue; }
    if (errno != EAGAIN) break;
    struct pollfd wait = {lane->fd, POLLOUT, 0};
    poll(&wait, 1, 5);
  }
  lane->ready = 0;
  return done;
}

static char *room_in(struct lane *lane, int length) {
  if (lane->ready == BATCH) flush_lane(lane);
  lane->vector[lane->ready].iov_len = length;
  return lane->text[lane->ready++];
}

/* The INVITE with this serial: always the same bytes, so a retransmission is one. */
static void put_invite(uint32_t id) {
  char digits[12];
  struct invite *it = &invites[slots[id % SLOTS].which];
  char *text = room_in(&lanes[it->source], it->length);
  memcpy(text, it->text, it->length);
  snprintf(digits, sizeof digits, "%08x", id);
  for (int i = 0; i < it->serials; i++) memcpy(text + it->serial[i], digits, 8);
  snprintf(digits, sizeof digits, "%08u", (uint32_t)((uint64_t)id * 69621u % 99999971u));
  for (int i = 0; i < it->numbers; i++) memcpy(text + it->number[i], digits, 8);
}

/* The tenth of a second after the fall in which a call was due; -1 for one before it. */
static int bin_of(double due) {
  double after = due - started - fall;
  return fall > 0 && after >= 0 && after < BINS / 10 ? (int)(after * 10) : -1;
}

static void put_call(double due) {
  if (bin_of(due) >= 0) due_in[bin_of(due)]++;
  slots[serial % SLOTS] = (struct slot){due, serial, (serial - first) % invite_count};
  put_invite(serial);
  if (again > 0 && rand() / (RAND_MAX + 1.0) * 100 < again) {
    put_invite(serial);
    repeated++;
  }
  serial++;
  sent++;
}

/* Send every unanswered call again (RFC 3261 17.1.1.2 timer A, at one interval), oldest first. */
static void put_again(double t) {
  static uint32_t oldest;
  static double last;
  if (t - last < retry) return;
  last = t;
  if (!oldest) oldest = first;
  while (oldest != serial && slots[oldest % SLOTS].due == 0) oldest++;
  for (uint32_t id = oldest; id != serial; id++)
    if (slots[id % SLOTS].due != 0 && slots[id % SLOTS].serial == id) {
      put_invite(id);
      repeated++;
    }
}

/* The ACK of a non-2xx final answer (RFC 3261 17.1.1.3): its top Via, From, To, Call-ID and CSeq number. */
static void put_ack(struct lane *lane, const char *answer) {
  char ack[ROOM];
  int n = snprintf(ack, sizeof ack, "ACK sip:gate@127.0.0.1 SIP/2.0\r\nMax-Forwards: 70\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n"), via = 0;
  for (const char *line = strstr(answer, "\r\n"); line && line[2] && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
    const char *start = line + 2, *end = strstr(start, "\r\n");
    if (!end || n + (end - start) + 8 > (long)sizeof ack) break;
    int wanted = !strncasecmp(start, "From:", 5) || !strncasecmp(start, "f:", 2) || !strncasecmp(start, "To:", 3) ||
                 !strncasecmp(start, "t:", 2) || !strncasecmp(start, "Call-ID:", 8) || !strncasecmp(start, "i:", 2);
    if (!wanted && (!strncasecmp(start, "Via:", 4) || !strncasecmp(start, "v:", 2))) wanted = !via++;
    if (!wanted) continue;
    memcpy(ack + n, start, end - start + 2);
    n += (int)(end - start) + 2;
  }
  memcpy(ack + n, "\r\n", 2);
  memcpy(room_in(lane, n + 2), ack, n + 2);
}

static void take_answer(struct lane *lane, const char *text, double t) {
  int code = atoi(text + 8);
  const char *mark = strstr(text, "z9hG4bK-");
  if (code < 200) { provisional++; return; }
  put_ack(lane, text);
  if (!mark) { wrong++; return; }
  uint32_t id = (uint32_t)strtoul(mark + 8, NULL, 16);
  struct slot *slot = &slots[id % SLOTS];
  if (slot->serial != id || slot->due == 0) { duplicates++; return; }
  double took = t - slot->due;
  if (bin_of(slot->due) >= 0 && took * 1e3 <= normal && code != 503) in_time[bin_of(slot->due)]++;
  slot->due = 0;
  answered++;
  if (busy_allowed && code == 503) { busy++; by_class[5]++; return; }
  if (samples < sample_room) latency[samples++] = (float)took;
  by_class[code / 100 & 7]++;
  if (answered_file) fprintf(answered_file, "%08x\n", id);
  if (invites[slot->which].expect != '0' + code / 100) {
    if (wrong_file && wrong < 20) fprintf(wrong_file, "--- expected %cxx\n%s\n%s\n", invites[slot->which].expect, invites[slot->which].text, text);
    wrong++;
  }
}

static int receive(struct lane *lane) {
  static struct mmsghdr in[BATCH];
  static struct iovec vector[BATCH];
  static char text[BATCH][ROOM];
  for (int i = 0; i < BATCH; i++) {
    vector[i] = (struct iovec){text[i], ROOM - 1};
    in[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vector[i], .msg_iovlen = 1}};
  }
  int k = recvmmsg(lane->fd, in, BATCH, MSG_DONTWAIT, NULL);
  if (k < 0 && errno == ECONNREFUSED) refused++;
  double t = clock_now();
  for (int i = 0; i < k; i++) {
    text[i][in[i].msg_len] = 0;
    take_answer(lane, text[i], t);
  }
  return k > 0 ? k : 0;
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static double at_quantile(double q) { return samples ? latency[(size_t)((samples - 1) * q)] * 1e3 : 0; }

static void option(char *word) {
  char *value = strchr(word, '=');
  if (!value) fail("an option is NAME=VALUE");
  *value++ = 0;
  if (!strcmp(word, "calls")) limit_calls = atol(value), limit_seconds = 1e9;
  else if (!strcmp(word, "seconds")) limit_seconds = atof(value);
  else if (!strcmp(word, "window")) window = atoi(value);
  else if (!strcmp(word, "rate")) rate = atof(value);
  else if (!strcmp(word, "again")) again = atof(value);
  else if (!strcmp(word, "retry")) retry = atof(value);
  else if (!strcmp(word, "quiet")) quiet = atof(value);
  else if (!strcmp(word, "busy")) busy_allowed = atoi(value);
  else if (!strcmp(word, "fall")) fall = atof(value);
  else if (!strcmp(word, "to")) fall_rate = atof(value);
  else if (!strcmp(word, "normal")) normal = atof(value);
  else if (!strcmp(word, "answered")) answered_file = fopen(value, "wb");
  else if (!strcmp(word, "wrong")) wrong_file = fopen(value, "wb");
  else fail("no such option");
}

/* How many calls were due after so many seconds of an open loop, and when the n-th one is. */
static double due_after(double seconds) {
  return fall > 0 && seconds > fall ? fall * rate + (seconds - fall) * fall_rate : seconds * rate;
}

static double due_time(long n) { return fall > 0 && n > fall * rate ? fall + (n - fall * rate) / fall_rate : n / rate; }

static double recovered(void) {
  int good = 0;
  for (int i = 0; i < BINS && due_in[i]; i++) {
    good = due_in[i] > in_time[i] + due_in[i] / 100 ? 0 : good + 1;
    if (good == 5) return (i - 4) / 10.0;
  }
  return -1;
}

/* How many calls may leave now. */
static long allowance(double t, double start) {
  long room = rate > 0 ? (long)due_after(t - start) - sent : window - (sent - answered - lost);
  if (rate > 0 && room > SLOTS / 2) room = SLOTS / 2;
  if (limit_calls >= 0 && room > limit_calls - sent) room = limit_calls - sent;
  return room > 4 * BATCH ? 4 * BATCH : room;
}

static void run(double start) {
  struct pollfd waits[SOURCES];
  double last = start;
  for (;;) {
    double t = clock_now();
    int over = told_to_end || t - start >= limit_seconds || sent == limit_calls || is_gone();
    if (over && (sent == answered + lost || t - last > quiet || is_gone())) break;
    if (retry > 0) put_again(t);
    for (long n = over ? 0 : allowance(t, start); n > 0; n--) put_call(rate > 0 ? start + due_time(sent) : t);
    for (int i = 0; i < lane_count; i++) flush_lane(&lanes[i]);
    int got = 0;
    for (int i = 0; i < lane_count; i++) got += receive(&lanes[i]);
    for (int i = 0; i < lane_count; i++) flush_lane(&lanes[i]);
    if (got) last = clock_now();
    else if (!over && rate <= 0 && retry <= 0 && t - last > quiet) { lost = sent - answered; last = t; }
    if (got) continue;
    for (int i = 0; i < lane_count; i++) waits[i] = (struct pollfd){lanes[i].fd, POLLIN, 0};
    double idle = rate > 0 && !over ? start + due_time(sent) - clock_now() : 1e-3;
    if (idle > 5e-5) { /* shorter is not worth a sleep; longer must leave the core to others */
      struct timespec nap = {0, (long)((idle < 1e-3 ? idle : 1e-3) * 1e9)};
      ppoll(waits, lane_count, &nap, NULL);
    }
  }
  lost = sent - answered;
}

int main(int argc, char **argv) {
  if (argc < 3) fail("usage: load CORPUS HOST:PORT [NAME=VALUE ...]");
  char *colon = strrchr(argv[2], ':');
  struct sockaddr_in gate = {.sin_family = AF_INET};
  if (!colon) fail("the gate is HOST:PORT");
  *colon = 0;
  gate.sin_port = htons((uint16_t)atoi(colon + 1));
  if (inet_pton(AF_INET, argv[2], &gate.sin_addr) != 1) fail("the gate's host is an IPv4 address");
  for (int i = 3; i < argc; i++) option(argv[i]);
  lanes = calloc(SOURCES, sizeof *lanes);
  slots = calloc(SLOTS, sizeof *slots);
  latency = malloc(sample_room * sizeof *latency);
  read_corpus(argv[1], &gate);
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  srand((unsigned)t.tv_nsec);
  first = serial = (uint32_t)(t.tv_sec * 1000003u ^ t.tv_nsec * 2654435761u ^ (uint32_t)getpid() << 16);
  signal(SIGTERM, end_soon);
  double start = started = clock_now();
  run(start);
  double took = clock_now() - start - (lost ? quiet : 0);
  if (took <= 0) took = 1e-9;
  if (answered_file) fclose(answered_file);
  if (wrong_file) fclose(wrong_file);
  qsort(latency, samples, sizeof *latency, by_value);
  printf("{\"sent\": %ld, \"answered\": %ld, \"lost\": %ld, \"wrong\": %ld, \"repeated\": %ld, \"duplicates\": %ld, \"refused\": %ld, \"per_second\": %.0f, "
         "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f, \"1xx\": %ld, \"2xx\": %ld, \"3xx\": %ld, \"4xx\": %ld, "
         "\"5xx\": %ld, \"6xx\": %ld, \"busy\": %ld, \"recovered_s\": %.1f, \"seconds\": %.2f}\n",
         sent, answered, lost, wrong, repeated, duplicates, refused, answered / took, at_quantile(.5), at_quantile(.99), at_quantile(.999),
         at_quantile(1), provisional, by_class[2], by_class[3], by_class[4], by_class[5], by_class[6], busy, recovered(), took);
  return 0;
}
