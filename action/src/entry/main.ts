import { main } from '../main.ts'
import { enter } from './world.ts'

enter(main)
