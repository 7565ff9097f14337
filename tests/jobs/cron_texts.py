# ruff: noqa: E501 - a row is a line
"""What cron expressions are told as: refusals, descriptions, remarks, and the mirror for Celery."""

# expression | field | part of the sentence
REFUSED = """
60 * * * * | minute | 60, outside 0-59
99999999999999999999 * * * * | minute | outside 0-59
* 24 * * * | hour | 24, outside 0-23
* * 0 * * | dayOfMonth | 0, outside 1-31
* * 32 * * | dayOfMonth | 32, outside 1-31
* * * 0 * | month | 0, outside 1-12
* * * 13 * | month | 13, outside 1-12
* * * * 8 | dayOfWeek | 8, outside 0-6
5-60 * * * * | minute | 60, outside 0-59
60/5 * * * * | minute | 60, outside 0-59
* * 32W * * | dayOfMonth | 32, outside 1-31
* * 0W * * | dayOfMonth | 0, outside 1-31
* * * * 8#1 | dayOfWeek | 8, outside 0-6
* * * * 9L | dayOfWeek | 9, outside 0-6
*/0 * * * * | minute | step of 0
*/60 * * * * | minute | Use a step from 1 to 59
* */24 * * * | hour | Use a step from 1 to 23
* * */32 * * | dayOfMonth | Use a step from 1 to 31
* * * */13 * | month | Use a step from 1 to 12
* * * * */7 | dayOfWeek | Use a step from 1 to 6
5/90 * * * * | minute | step of 90
1-5/77 * * * * | minute | step of 77
*/ * * * * | minute | cannot be read
*/x * * * * | minute | cannot be read
*/-5 * * * * | minute | cannot be read
1-2-3 * * * * | minute | cannot be read
-5 * * * * | minute | cannot be read
5- * * * * | minute | cannot be read
+5 * * * * | minute | cannot be read
5.5 * * * * | minute | cannot be read
** * * * * | minute | cannot be read
*-5 * * * * | minute | cannot be read
1/2/3 * * * * | minute | cannot be read
a * * * * | minute | cannot be read
JAN * * * * | minute | cannot be read
5-x * * * * | minute | cannot be read
1,,2 * * * * | minute | empty element
,1 * * * * | minute | empty element
1, * * * * | minute | empty element
? * * * * | minute | two day fields
* ? * * * | hour | two day fields
* * * ? * | month | two day fields
* * ?/2 * * | dayOfMonth | Write ? alone
* * 1,? * * | dayOfMonth | Write ? alone
* * * * ?-3 | dayOfWeek | Write ? alone
L * * * * | minute | cannot stand there
* L * * * | hour | cannot stand there
* * * L * | month | no name it knows
* * W * * | dayOfMonth | cannot stand there
* * WL * * | dayOfMonth | cannot stand there
* * 5#2 * * | dayOfMonth | cannot stand there
* * 5L * * | dayOfMonth | cannot stand there
* * * * 15W | dayOfWeek | cannot stand there
* * * * L | dayOfWeek | no name it knows
* * L-3 * * | dayOfMonth | counted back
* * LW-3 * * | dayOfMonth | cannot be read
* * L/2 * * | dayOfMonth | cannot be read
* * 1-5W * * | dayOfMonth | cannot be read
* * 15W/2 * * | dayOfMonth | cannot be read
* * * * 5#0 | dayOfWeek | five times a month
* * * * 5#6 | dayOfWeek | five times a month
0 0 1 1 1#6 | dayOfWeek | five times a month
* * * * 1-5#2 | dayOfWeek | cannot be read
* * * * 5#2#3 | dayOfWeek | cannot stand there
* * * * #2 | dayOfWeek | cannot stand there
* * * * MONDAY | dayOfWeek | Use SUN, MON
* * * * MON-XYZ | dayOfWeek | XYZ
* * * * JAN | dayOfWeek | JAN
* * * JANUARY * | month | Use JAN, FEB
* * MON * * | dayOfMonth | cannot be read
\u0663 * * * * | minute | plain ASCII
* \uff11 * * * | hour | plain ASCII
* * * * \u017fUN | dayOfWeek | plain ASCII
* * * * * * | expression | six fields
0 0 * * * * | expression | six fields
0 0 0 1 1 ? 2026 | expression | 7 found, five needed
* * * * | expression | 4 found, five needed
5 | expression | 1 found, five needed
@reboot | expression | @reboot names no time
@REBOOT | expression | @reboot names no time
@every_minute | expression | @hourly, @daily
@ | expression | no macro
@daily * * * * | expression | no macro
@dai\u017fy | expression | no macro
*\u00a0* * * * | expression | U+00A0
*\u200b * * * * | expression | U+200B
*\x00 * * * * | expression | U+0000
* * *\x0b* * | expression | U+000B
* *\x1f* * * | expression | U+001F
* * * * *\ud800 | expression | U+D800
0 0 31 2 * | dayOfMonth | never matches
0 0 30 2 * | dayOfMonth | never matches
0 0 30,31 2 * | dayOfMonth | never matches
0 0 31 4,6,9,11 * | dayOfMonth | never matches
0 0 31W 2 * | dayOfMonth | never matches
0 0 31 2 1 | dayOfMonth | never matches
0 0 1 * 1#2 | dayOfWeek | never matches
0 0 8-14 * MON#1 | dayOfWeek | never matches
0 0 1-20 * 5L | dayOfWeek | never matches
0 0 29 2 1#4 | dayOfWeek | never matches
0 0 LW * 0 | dayOfWeek | never matches
0 0 15W * SAT,SUN | dayOfWeek | never matches
"""

# expression | minute | hour | day of month | month | day of week
CELERY = """
* * * * * | * | * | * | * | *
*/5 1-5 1,15 */3 1-5 | */5 | 1-5 | 1,15 | */3 | 1-5
05 07 * * * | 5 | 7 | * | * | *
5/15 22-2 30-2 NOV-FEB FRI-MON | 5-59/15 | 0-2,22,23 | 1,2,30,31 | 1,2,11,12 | 0,1,5,6
50/15 * * * * | 50 | * | * | * | *
0 0 ? * MON-FRI | 0 | 0 | * | * | 1-5
0 0 * JAN,MAR 7 | 0 | 0 | * | 1,3 | 0
0 0 * * 5-7 | 0 | 0 | * | * | 0,5,6
0 0 * * 0-7 | 0 | 0 | * | * | *
0 0 L * * | 0 | 0 | * | * | *
0 0 LW * 5 | 0 | 0 | * | * | 5
0 0 1,15W * * | 0 | 0 | * | * | *
0 0 * * 1,5#2 | 0 | 0 | * | * | *
0 0 1-31 1-12 5L | 0 | 0 | * | * | *
@weekly | 0 | 0 | * | * | 0
10-30/10,40 */1 * * * | 10-30/10,40 | * | * | * | *
"""

# expression | English | Spanish
DESCRIBED = """
* * * * * | Every minute | Cada minuto
*/5 * * * * | Every 5 minutes | Cada 5 minutos
5/15 * * * * | Every 15 minutes from minute 5 to minute 50 | Cada 15 minutos del minuto 5 al minuto 50
30 * * * * | Every hour at minute 30 | Cada hora en el minuto 30
0,30 * * * * | At minutes 0 and 30 | En los minutos 0 y 30
0 3 * * * | At 03:00, every day | A las 03:00, todos los días
0,30 9,12 * * * | At 09:00, 09:30, 12:00 and 12:30, every day | A las 09:00, 09:30, 12:00 y 12:30, todos los días
0 */2 * * * | Every 2 hours from 00:00 to 22:00 | Cada 2 horas de 00:00 a 22:00
15 22-2 * * * | Every hour from 22:15 to 02:15 | Cada hora de 22:15 a 02:15
*/15 9-17 * * MON-FRI | Every 15 minutes, from 09:00 to 17:59, only on Monday to Friday | Cada 15 minutos, de 09:00 a 17:59, solo los días lunes a viernes
0 0 * * FRI-MON | At 00:00, only on Friday to Monday | A las 00:00, solo los días viernes a lunes
0 0 * * 7 | At 00:00, only on Sunday | A las 00:00, solo los días domingo
0 0 * * 6,0 | At 00:00, only on Saturday and Sunday | A las 00:00, solo los días sábado y domingo
0 3 13 * 5 | At 03:00, on day 13 of the month, but only when it is also Friday | A las 03:00, el día 13 del mes, pero solo cuando además es viernes
0 3 1-7 * 1,3 | At 03:00, on days 1 to 7 of the month, but only when it is also Monday or Wednesday | A las 03:00, los días 1 a 7 del mes, pero solo cuando además es lunes o miércoles
0 0 L * * | At 00:00, on the last day of the month | A las 00:00, el último día del mes
0 0 LW * * | At 00:00, on the last working day (Monday to Friday) of the month | A las 00:00, el último día laborable (de lunes a viernes) del mes
0 0 15W * * | At 00:00, on the working day (Monday to Friday) nearest to day 15 of the month | A las 00:00, el día laborable (de lunes a viernes) más cercano al día 15 del mes
0 0 1,L * * | At 00:00, on day 1 of the month and on the last day of the month | A las 00:00, el día 1 del mes y el último día del mes
0 0 * * 5#2 | At 00:00, only on the second Friday of the month | A las 00:00, solo el segundo viernes del mes
0 0 * * 5L | At 00:00, only on the last Friday of the month | A las 00:00, solo el último viernes del mes
0 0 13 * 5#2 | At 00:00, on day 13 of the month, but only when it is also the second Friday of the month | A las 00:00, el día 13 del mes, pero solo cuando además es el segundo viernes del mes
0 0 */2 * * | At 00:00, every 2 days from day 1 of the month | A las 00:00, cada 2 días desde el día 1 del mes
0 0 1 NOV-FEB * | At 00:00, on day 1 of the month, only in November to February | A las 00:00, el día 1 del mes, solo en noviembre a febrero
@hourly | Every hour at minute 0 | Cada hora en el minuto 0
@daily | At 00:00, every day | A las 00:00, todos los días
@weekly | At 00:00, only on Sunday | A las 00:00, solo los días domingo
@monthly | At 00:00, on day 1 of the month | A las 00:00, el día 1 del mes
@yearly | At 00:00, on day 1 of the month, only in January | A las 00:00, el día 1 del mes, solo en enero
"""

# Remarks about the whole expression after 2026-01-10: expression | zone | the remark, or nothing
LINTED = """
0 3 13 * 5 | SDQ | Day-of-month and day-of-week must both match: next on 2026-02-13, 2026-03-13, 2026-11-13. Classic crontab would take either: 2026-01-13, 2026-01-16, 2026-01-23.
0 3 */2 * 5 | SDQ | A step of 2 days starts anew on day 1 of each month, however long the month before.
0 3 1-31 * 5 | SDQ |
*/7 * * * * | SDQ | A step of 7 minutes starts anew each hour: from minute 56 to 0 it is 4.
*/15 * * * * | SDQ |
5/15 * * * * | SDQ |
20/15 * * * * | SDQ | A step of 15 minutes starts anew each hour: from minute 50 to 20 it is 30.
0 */5 * * * | SDQ | A step of 5 hours starts anew each day: from hour 20 to 0 it is 4.
0 */6 * * * | SDQ |
0 0 1 */5 * | SDQ | A step of 5 months starts anew each year: from month 11 to 1 it is 2.
0 0 * * */3 | SDQ | A step of 3 weekdays starts anew each week: from weekday 6 to 0 it is 1.
0 0 31 * * | SDQ | Months without a day 31 skip it. Use L for the last day of the month.
0 0 30 4 * | SDQ |
0 0 31 1,3 * | SDQ |
0 0 29 * * | SDQ | Months without a day 29 skip it. Use L for the last day of the month.
0 0 29 2 * | SDQ | February has a day 29 in leap years only. Use L for the last day of the month.
0 0 L * * | SDQ |
30 2 * * * | NY | On 2026-03-08 the clock jumps from 02:00 to 03:00: what is due at 02:30 runs at 03:00.
30 * * * * | NY | On 2026-03-08 the clock jumps from 02:00 to 03:00: what is due at 02:30 runs at 03:00.
0 2,3 * * * | NY | On 2026-03-08 the clock jumps from 02:00 to 03:00: what is due at 02:00 runs at 03:00.
30 1 * * * | NY | On 2026-11-01 the clock goes back from 02:00 to 01:00: 01:30 comes twice and runs once.
*/30 1 * * * | NY | On 2026-11-01 the clock goes back from 02:00 to 01:00: 01:00 comes twice and runs twice.
*/5 * * * * | NY |
0 3 * * * | NY |
30 2 9 * * | NY |
30 0 * * * | CAI | On 2026-04-24 the clock jumps from 00:00 to 01:00: what is due at 00:30 runs at 01:00.
15 2 * * * | LHI | On 2026-10-04 the clock jumps from 02:00 to 02:30: what is due at 02:15 runs at 02:30.
"""
